/**
 * A request of one era at a relay of the other: envelope and headers in the place of a session, and back.
 *
 * Within one era nothing is changed. What the relay's era does not know is answered here, or not said at all; what
 * cannot be expressed is a clear protocol error.
 */
import { Result } from "effect"
import * as Envelope from "../../domain/Envelope.ts"
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as McpHeaders from "../../domain/McpHeaders.ts"
import * as Message from "../../domain/Message.ts"
import { factsOf } from "../../domain/Methods.ts"
import type { OpenRelaySession } from "../handshake/OpenRelaySession.ts"
import type { KnownAnswer } from "../transport/KnownAnswers.ts"
import type { ParamHeaders } from "./ParamHeaders.ts"

type Headers = Readonly<Record<string, string>>

export interface Outgoing {
  readonly text: string
  readonly id: string
  /** Another id to go under, JSON text. */
  readonly as?: string | undefined
  readonly headers?: Headers | undefined
}

export interface Translated {
  readonly status: number
  readonly text: string
  /** The result that requires input, of which `text` can only say that; for who can ask the agent. */
  readonly needsInput?: string | undefined
}

export interface Translation extends Outgoing {
  /** Answered here: the text of the response. */
  readonly local?: string | undefined
  /** The request goes as it came, so what comes back may be passed on unread. */
  readonly unchanged: boolean
  /** A message that came before the answer; `undefined` where the agent's era would not have been told it. */
  readonly event: (data: string) => string | undefined
  readonly answer: (status: number, text: string) => Translated
  /** The result of an answer that came before, as `answer` would have it in a whole one. */
  readonly known: (answer: KnownAnswer) => string
}

const asItIs = (request: Outgoing): Translation => ({
  ...request,
  unchanged: true,
  event: (data) => data,
  answer: (status, text) => ({ status, text }),
  known: ({ result }) => result
})

let translations = 0

/** The request as this relay session takes it. */
export const translate = (open: OpenRelaySession, request: Outgoing, params: ParamHeaders): Translation => {
  if (request.as !== undefined) return renamed(open, request, request.as, params)
  const isModern = Envelope.isIn(request.text)
  if (open.modern === undefined) return isModern ? toLegacy(request) : asItIs(request)
  const parsed = Message.parse(request.text)
  const message = Result.isSuccess(parsed) && parsed.success._tag === "Request" ? parsed.success : undefined
  if (message === undefined) return asItIs(request)
  // An agent that mirrors is answered for what it mirrors: only who cannot is helped.
  const mirrors = request.headers?.["mcp-method"] !== undefined
  const mirrored = mirrors ? request.headers : {
    ...McpHeaders.standard(message.method, message.params),
    ...(message.method === "tools/call" ? params.of(message.params) : {}),
    ...request.headers
  }
  const learning = message.method === "tools/list" ? params : undefined
  return isModern
    ? { ...learned(asItIs(request), learning), headers: mirrored }
    : learned(toModern({ ...request, headers: mirrored }, message.method, open.modern.envelope), learning)
}

const renamed = (open: OpenRelaySession, request: Outgoing, as: string, params: ParamHeaders): Translation => {
  const named = { ...request, as: undefined, id: as, text: JsonText.set(request.text, ["id"], as) }
  const translation = translate(open, named, params)
  const back = (text: string) => JsonText.set(text, ["id"], request.id)
  return {
    ...translation,
    local: translation.local && back(translation.local),
    unchanged: false,
    answer: (status, text) => {
      const translated = translation.answer(status, text)
      return { ...translated, text: back(translated.text) }
    }
  }
}

const learned = (translation: Translation, params: ParamHeaders | undefined): Translation =>
  params === undefined ? translation : {
    ...translation,
    answer: (status, text) => {
      params.learn(JsonText.at(text, ["result"]) ?? "{}")
      return translation.answer(status, text)
    },
    known: (answer) => {
      params.learn(answer.result)
      return translation.known(answer)
    }
  }

const toModern = (request: Outgoing, method: string, envelope: Envelope.Envelope): Translation => ({
  ...request,
  text: Envelope.put(request.text, envelope),
  local: factsOf(method).emptyResult ? `{"jsonrpc":"2.0","id":${request.id},"result":{}}` : undefined,
  unchanged: false,
  event: (data) => data,
  answer: (_, text) =>
    JsonText.at(text, ["result", "resultType"]) === "\"input_required\""
      ? { status: 200, text: JsonRpcError.text(request.id, needsInput), needsInput: JsonText.at(text, ["result"]) }
      : { status: 200, text: EraForm.legacyResponse(text) },
  known: (answer) => answer.legacyResult()
})

const needsInput: JsonRpcError.JsonRpcError = {
  code: JsonRpcError.codes.era,
  message: "The relay asks for input before it does this, and nobody can be asked here; nothing was done."
}

/** Ids and progress tokens are the relay session's, which others use at the same time. */
const toLegacy = (request: Outgoing): Translation => {
  const id = `"holdfast-era-${++translations}"`
  const token = JsonText.at(request.text, ["params", "_meta", "progressToken"])
  const method: unknown = JSON.parse(JsonText.at(request.text, ["method"]) ?? "null")
  const logs = Envelope.logFilter(request.text)
  const named = JsonText.set(Envelope.takeOff(request.text), ["id"], id)
  return {
    id,
    text: token === undefined ? named : JsonText.set(named, ["params", "_meta", "progressToken"], id),
    headers: Object.fromEntries(
      Object.entries(request.headers ?? {}).filter(([name]) => name !== "mcp-method" && name !== "mcp-name")
    ),
    unchanged: false,
    event: (data) => {
      if (!logs(data)) return undefined
      return token !== undefined && JsonText.at(data, ["params", "progressToken"]) === id
        ? JsonText.set(data, ["params", "progressToken"], token)
        : data
    },
    answer: (_, text) => {
      const named = JsonText.set(text, ["id"], request.id)
      const status = JsonText.at(text, ["error", "code"]) === "-32601" ? 404 : 200
      return { status, text: EraForm.modernResponse(named, String(method)) }
    },
    known: (answer) => answer.modernResult(String(method))
  }
}

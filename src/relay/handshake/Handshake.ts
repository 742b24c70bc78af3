/** `initialize` and `notifications/initialized`: what opens a relay session (MCP 2025-11-25, lifecycle). */
import { Effect, Option, Predicate } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type * as Message from "../../domain/Message.ts"
import { ownPiece } from "../../domain/OwnText.ts"
import { versionWithoutHeader } from "../../domain/ProtocolVersion.ts"
import { AnswerCutOff, RelayFailure, SessionRefused } from "../RelayFailure.ts"
import { wholeAnswer } from "../transport/AnswerReading.ts"
import { carrying, type RelayCredential } from "../transport/RelayAnswer.ts"
import type { RelayTransport } from "../transport/RelayTransport.ts"
import type { OpenRelaySession } from "./OpenRelaySession.ts"

/** Characters of what a relay says of itself: each session keeps it. */
const maxResult = 2 * 1024 * 1024

export type Handshaken = Omit<OpenRelaySession, "generation">
type Credential = Option.Option<RelayCredential>

const initializedText = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

/** The result's text. */
export const resultOf = (response: Message.Response): Effect.Effect<string, RelayFailure> => {
  const result = JsonText.at(response.text, ["result"]) ?? "{}"
  return result.length > maxResult
    ? Effect.fail(
      new RelayFailure({
        reason: new AnswerCutOff({ detail: `a relay says at most ${maxResult} characters of itself` })
      })
    )
    : Effect.succeed(ownPiece(result, response.text))
}

/** Sends `initialize` under `id`, a JSON text. A JSON-RPC error is `SessionRefused`. */
export const initialize = Effect.fnUntraced(
  function*(
    transport: RelayTransport["Service"],
    credential: Credential,
    options: { readonly agent: AgentName; readonly text: string; readonly id: string }
  ) {
    const answer = yield* transport.send({
      agent: options.agent,
      method: "POST",
      body: JsonText.set(options.text, ["id"], options.id),
      ...carrying(credential)
    })
    const response = yield* wholeAnswer(answer, options.id)
    if (response.error !== undefined) {
      const { code, message } = response.error
      return yield* new RelayFailure({ reason: new SessionRefused({ code, detail: message }) })
    }
    const version = Predicate.hasProperty(response.result, "protocolVersion") && response.result.protocolVersion
    const handshaken: Handshaken = {
      agent: options.agent,
      id: Option.fromUndefinedOr(answer.session),
      protocolVersion: Predicate.isString(version) ? version : versionWithoutHeader,
      result: yield* resultOf(response)
    }
    return handshaken
  },
  Effect.scoped
)

/** Sends a notification or an answer in a session, whatever comes back; fails where it may not have been heard. */
export const notify = Effect.fnUntraced(
  function*(
    transport: RelayTransport["Service"],
    credential: Credential,
    session: Pick<Handshaken, "agent" | "id" | "protocolVersion">,
    text: string
  ) {
    const answer = yield* transport.send({
      agent: session.agent,
      method: "POST",
      body: text,
      ...carrying(credential),
      session: Option.getOrUndefined(session.id),
      protocolVersion: session.protocolVersion
    })
    const id = JsonText.at(text, ["method"]) === undefined ? undefined : JsonText.at(text, ["id"])
    if (id !== undefined) yield* wholeAnswer(answer, id)
  },
  Effect.scoped,
  // Some servers answer a notification with words of their own instead of an empty 202.
  Effect.catchReason(
    "RelayFailure",
    "NotJsonRpc",
    (reason, failure) => reason.status < 300 ? Effect.void : Effect.fail(failure)
  )
)

export const initialized = (transport: RelayTransport["Service"], credential: Credential, session: Handshaken) =>
  notify(transport, credential, session, initializedText)

/** Best effort, 1 s at most. */
export const end = (
  transport: RelayTransport["Service"],
  credential: Credential,
  session: Handshaken
): Effect.Effect<void> =>
  Option.isNone(session.id) ? Effect.void : transport.send({
    agent: session.agent,
    method: "DELETE",
    ...carrying(credential),
    session: session.id.value,
    protocolVersion: session.protocolVersion
  }).pipe(Effect.scoped, Effect.ignore, Effect.timeoutOption("1 second"), Effect.asVoid)

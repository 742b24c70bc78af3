/**
 * The rounds in which an agent without a session answers questions: its request again, with the answers, and with what
 * Holdfast gave it to bring along (MCP 2026-07-28, multi-round-trip requests).
 */
import { Option, Predicate, Result, Schema } from "effect"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import type { Answer } from "./Handler.ts"

const prefix = "holdfast."
/** In the place of a call's id: nothing of it is under way, and it may be sent again. */
export const anew = "anew"

const Given = Schema.fromJsonString(Schema.Record(Schema.String, Schema.String))
const encodeGiven = Schema.encodeSync(Given)
const decodeGiven = Schema.decodeOption(Given)

/** What a round of the agent says: which call goes on, and what was answered before and now. */
export interface Round {
  readonly call: string
  readonly given: ReadonlyMap<string, string>
  readonly answers: ReadonlyMap<string, string>
}

const result = (request: Message.Request, text: string): Answer => ({
  outcome: "answered",
  status: 200,
  headers: {},
  body: { _tag: "Whole", text: `{"jsonrpc":"2.0","id":${request.id},"result":${text}}` }
})

/** Asks the agent, and gives it all that goes on with the call. */
export const inputRequired = (
  request: Message.Request,
  questions: ReadonlyMap<string, string>,
  call: string,
  given: ReadonlyMap<string, string>
): Answer => {
  const requests = [...questions].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")
  const state = `${prefix}${call}.${Buffer.from(encodeGiven(Object.fromEntries(given))).toString("base64url")}`
  return result(
    request,
    `{"resultType":"input_required","inputRequests":{${requests}},"requestState":${JSON.stringify(state)}}`
  )
}

const stateOf = (params: Message.Request["params"]): ReadonlyArray<string> => {
  const state = params["requestState"]
  return Predicate.isString(state) && state.startsWith(prefix) ? state.slice(prefix.length).split(".") : []
}

/** The call that the request goes on with. */
export const callNamedIn = ({ params }: Message.Request): string | undefined => stateOf(params)[0]

/** The round that the request is one of; `undefined` where it is a call's first, or the relay's own affair. */
export const roundOf = ({ params, text }: Message.Request): Round | undefined => {
  const [call, encoded = ""] = stateOf(params)
  if (call === undefined) return undefined
  const given = Option.getOrElse(decodeGiven(Buffer.from(encoded, "base64url").toString()), () => ({}))
  return {
    call,
    given: new Map(Object.entries(given)),
    answers: new Map(JsonText.membersOf(text, ["params", "inputResponses"]))
  }
}

/** The request as its call began. */
export const withoutRound = (request: Message.Request): Message.Request => {
  const text = [["params", "inputResponses"], ["params", "requestState"]].reduce(JsonText.remove, request.text)
  const parsed = Message.parse(text)
  return Result.isSuccess(parsed) && parsed.success._tag === "Request" ? parsed.success : request
}

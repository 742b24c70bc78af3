/**
 * One request of the bridge's client: it gets the daemon's answer, over a break or a restart, or one clear error.
 *
 * What was not sent is sent again, and so is what only reads. Of anything else whose answer was lost that is said.
 */
import { Effect, Result } from "effect"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import { factsOf } from "../../domain/Methods.ts"
import { type BridgeSession, taken } from "./BridgeSession.ts"
import { type Answer, events, LegBroken } from "./DaemonLeg.ts"

export interface BridgeRequestOptions {
  readonly headers: () => Readonly<Record<string, string>>
  /** Of the era without sessions, whose streams are not resumed. */
  readonly modern: boolean
  /** The daemon opened a session. */
  readonly onSession: Effect.Effect<void>
}

/** What only reads, and what opens a session: a second one that nobody uses ends by itself. */
const mayRepeat = (method: string): boolean =>
  factsOf(method).onlyReads || method === "initialize" || method === "server/discover"

const lost: JsonRpcError.JsonRpcError = {
  code: JsonRpcError.codes.relay,
  message: "The connection to Holdfast broke while this request was under way: it may have been carried out. "
    + "Check before you send it again.",
  data: { delivery: "unknown" }
}
const unreachable: JsonRpcError.JsonRpcError = {
  code: JsonRpcError.codes.relay,
  message: "Holdfast cannot be reached; this request was not sent, so nothing was done.",
  data: { delivery: "not sent" }
}

/** The daemon says that nothing was begun, and that it will be back. */
export const isStopping = (body: string): boolean =>
  JsonText.at(body, ["error", "code"]) === String(JsonRpcError.codes.stopping)

export const isAnswer = (text: string, id: string): boolean => {
  const parsed = Message.parse(text)
  return Result.isSuccess(parsed) && parsed.success._tag === "Response" && Message.sameId(parsed.success.id, id)
}

/** Passes on what comes until the answer to `id`; whether that came. */
const passed = Effect.fnUntraced(
  function*(session: BridgeSession, answer: Answer, id: string, seen: { last: string }) {
    let done = false
    yield* events(answer.body, (event) =>
      Effect.gen(function*() {
        if (event.id !== undefined && event.id !== "") seen.last = event.id
        if (event.data === "") return true
        done = isAnswer(event.data, id)
        if (done && event.data.includes("x-mcp-header")) session.params.learn(event.data)
        yield* session.line(event.data)
        return !done
      }))
    return done
  }
)

/** A stream that broke is resumed by its ids; the daemon says what is known where it does not have it any more. */
const resumed = Effect.fnUntraced(function*(session: BridgeSession, id: string, seen: { last: string }) {
  while (seen.last !== "") {
    const answer = yield* Effect.result(
      taken(Effect.suspend(() => session.send("GET", { ...session.headers, "last-event-id": seen.last })), true)
    )
    if (Result.isFailure(answer) || !answer.success.isStream) return false
    if (yield* passed(session, answer.success, id, seen)) return true
  }
  return false
})

export const bridgeRequest = Effect.fnUntraced(
  function*(session: BridgeSession, { id, method, text }: Message.Request, options: BridgeRequestOptions) {
    const { headers, modern, onSession } = options
    const opens = method === "initialize"
    let renewed = false
    while (true) {
      const answer = yield* taken(Effect.suspend(() => session.send("POST", headers(), text)), mayRepeat(method))
      if (answer.isStream) {
        const seen = { last: "" }
        if (yield* passed(session, answer, id, seen)) return
        if (!modern && (yield* resumed(session, id, seen))) return
        return yield* session.replyError(id, lost)
      }
      const body = yield* answer.text
      if (body.includes("x-mcp-header")) session.params.learn(body)
      if (isStopping(body)) {
        yield* Effect.sleep("250 millis")
        continue
      }
      if (answer.status === 404 && !modern && !opens && !renewed) {
        renewed = true
        if (yield* session.reopened) continue
      }
      if (opens && answer.session !== null) {
        session.begun(text, answer.session, body)
        yield* onSession
      }
      const named = JsonText.at(body, ["id"]) === "null" ? JsonText.set(body, ["id"], id) : body
      return yield* body === "" ? session.replyError(id, lost) : session.line(named)
    }
  },
  (effect, session, { id }) =>
    Effect.catchTag(effect, "LegBroken", ({ sent }) => session.replyError(id, sent ? lost : unreachable))
)

/** A batch (2025-03-26): its answers come together, or each of its requests gets the error. */
export const bridgeBatch = Effect.fnUntraced(
  function*(session: BridgeSession, { text }: Message.Batch) {
    const answer = yield* taken(Effect.suspend(() => session.send("POST", session.headers, text)), false)
    let body = ""
    if (answer.isStream) {
      yield* events(answer.body, ({ data }) => {
        body = data === "" ? body : data
        return Effect.succeed(true)
      })
      if (body === "") return yield* new LegBroken({ sent: true, detail: "the stream ended" })
    } else body = yield* answer.text
    if (body !== "") yield* session.line(body)
  },
  (effect, session, { messages }) =>
    Effect.catchTag(effect, "LegBroken", ({ sent }) =>
      Effect.forEach(
        messages.filter((part) => part._tag === "Request"),
        ({ id }) => session.replyError(id, sent ? lost : unreachable),
        { discard: true }
      ))
)

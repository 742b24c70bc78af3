/** A client that speaks plain HTTP and keeps on asking: what it was told, call by call. */
import { Effect, Option, Schema } from "effect"
import { request } from "node:http"
import type { PlannedCall } from "./Plan.ts"

/** What the client knows in the end. */
export type Outcome =
  | "queued"
  | "answered"
  /** The relay's own refusal. */
  | "refused"
  /** Holdfast says that nothing was done. */
  | "not sent"
  /** Holdfast says that it may have been carried out. */
  | "unknown"
  /** An error of the relay's own. */
  | "error"
  /** A dead letter answers for it. */
  | "dead letter"
  | "no answer"

export interface Told {
  readonly outcome: Outcome
  /** How often the client asked and may have been heard. */
  readonly asked: number
}

export interface Door {
  readonly port: number
  readonly secret: string
  readonly session: string | undefined
}

export interface Reply {
  readonly status: number
  readonly session: string | undefined
  readonly text: string
}

export class NoReply extends Schema.TaggedError<NoReply>()("NoReply", {
  /** Nobody listened, so nobody heard it. */
  refused: Schema.Boolean
}) {}

export const post = (door: Door, message: object): Effect.Effect<Reply, NoReply> =>
  Effect.callback((resume) => {
    const fail = (error: Error) =>
      resume(Effect.fail(new NoReply({ refused: "code" in error && error.code === "ECONNREFUSED" })))
    const outgoing = request({
      host: "127.0.0.1",
      port: door.port,
      path: "/mcp",
      method: "POST",
      agent: false,
      headers: {
        authorization: `Bearer ${door.secret}`,
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        "user-agent": "crash",
        ...(door.session === undefined ? {} : { "mcp-session-id": door.session })
      }
    }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => text += chunk).on("error", fail).on("end", () => {
        const session = response.headers["mcp-session-id"]
        resume(
          response.complete
            ? Effect.succeed({
              status: response.statusCode ?? 0,
              session: typeof session === "string" ? session : undefined,
              text
            })
            : Effect.fail(new NoReply({ refused: false }))
        )
      })
    })
    outgoing.on("error", fail).end(JSON.stringify({ jsonrpc: "2.0", ...message }))
    return Effect.sync(() => outgoing.destroy())
  })

/** A new session of the agent's, with the list of tools seen. */
export const opened = Effect.fnUntraced(function*(door: Omit<Door, "session">, name: string) {
  const { session } = yield* post({ ...door, session: undefined }, {
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name, version: "1" } }
  })
  const inside: Door = { ...door, session }
  yield* post(inside, { method: "notifications/initialized" })
  yield* post(inside, { id: 1, method: "tools/list" })
  return inside
})

const Answer = Schema.fromJsonString(Schema.Struct({
  result: Schema.optionalKey(Schema.Struct({
    isError: Schema.optionalKey(Schema.Boolean),
    structuredContent: Schema.optionalKey(Schema.Struct({ queued: Schema.optionalKey(Schema.Boolean) }))
  })),
  error: Schema.optionalKey(Schema.Struct({
    message: Schema.String,
    data: Schema.optionalKey(Schema.Struct({
      delivery: Schema.optionalKey(Schema.String),
      entry: Schema.optionalKey(Schema.Int)
    }))
  }))
}))
const decode = Schema.decodeUnknownOption(Answer)

const outcomeOf = (text: string): Outcome => {
  // The answer, be it the body or the last event of a stream.
  const last = text.split("\n").findLast((line) => line.startsWith("data: "))?.slice(6) ?? text
  const answer = decode(last)
  if (Option.isNone(answer)) return "no answer"
  const { error, result } = answer.value
  if (error?.data?.entry !== undefined) return "dead letter"
  if (error !== undefined) {
    const { delivery } = error.data ?? {}
    return delivery === "not sent" || delivery === "unknown" ? delivery : "error"
  }
  if (result?.structuredContent?.queued === true) return "queued"
  return result?.isError === true ? "refused" : "answered"
}

let lastId = 0

const messageOf = ({ identity, refused, text }: PlannedCall, lane: string) => ({
  id: ++lastId,
  method: "tools/call",
  params: {
    name: refused ? "fail" : "relay_send_message",
    arguments: { to: lane, text, ...(identity === "caller" ? { idempotencyKey: `key ${text}` } : {}) },
    ...(identity === "call id" ? { _meta: { "claudecode/toolUseId": text } } : {})
  }
})

/** Asks until somebody listens, and once more under the same name where there was no answer and `retries` says so. */
export const ask = Effect.fnUntraced(function*(door: Door, lane: string, call: PlannedCall, retries: boolean) {
  let asked = 0
  while (true) {
    const reply = yield* Effect.result(post(door, messageOf(call, lane)))
    const heard = reply._tag === "Success" || !reply.failure.refused
    if (heard) asked++
    const outcome = reply._tag === "Success" ? outcomeOf(reply.success.text) : "no answer"
    const again = !heard || (outcome === "no answer" && retries && call.identity !== "none")
    if (!again) return { outcome, asked }
    yield* Effect.sleep("10 millis")
  }
})

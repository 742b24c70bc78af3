/**
 * MCP over lines of standard input and output, by way of the daemon (MCP, transports, stdio): for clients that speak
 * nothing else.
 *
 * Messages pass as they come; only line breaks between tokens go, since here they end a message. The session, its stream
 * and the subscriptions of the modern era outlive restarts of the daemon unseen.
 */
import { Effect, FiberMap, FiberSet, Result, Semaphore } from "effect"
import * as Envelope from "../../domain/Envelope.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as McpHeaders from "../../domain/McpHeaders.ts"
import * as Message from "../../domain/Message.ts"
import { ParamHeaders } from "../../relay/session/ParamHeaders.ts"
import { again, type Answer, events, exchange, LegBroken } from "./DaemonLeg.ts"

export interface BridgeOptions {
  /** Where the daemon listens now; starts one where none runs. */
  readonly endpoint: Effect.Effect<string, LegBroken>
  readonly secret: string
  /** One line, without its end. */
  readonly write: (line: string) => Effect.Effect<void>
}

const reads = /^(initialize|ping|server\/discover|.*\/list|prompts\/get|resources\/read|completion\/complete)$/

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

const stopping = String(JsonRpcError.codes.stopping)

export const bridge = Effect.fnUntraced(function*({ endpoint, secret, write }: BridgeOptions) {
  const requests = yield* FiberMap.make<string>()
  const streams = yield* FiberMap.make<string>()
  const work = yield* FiberSet.make()
  const opening = yield* Semaphore.make(1)
  const params = new ParamHeaders()
  let initialize: string | undefined
  let session: string | undefined
  let version: string | undefined

  const line = (text: string) => write(text.replace(/[\r\n]+/g, " "))
  const told = (id: string, error: JsonRpcError.JsonRpcError) => line(JsonRpcError.text(id, error))

  const base = { authorization: `Bearer ${secret}`, accept: "application/json, text/event-stream" }
  const inSession = () => ({
    ...base,
    ...(session === undefined ? {} : { "mcp-session-id": session }),
    ...(version === undefined ? {} : { "mcp-protocol-version": version })
  })
  const send = Effect.fnUntraced(function*(
    method: "POST" | "GET",
    headers: Readonly<Record<string, string>>,
    body?: string
  ) {
    return yield* exchange(yield* endpoint, method, { ...headers, "content-type": "application/json" }, body)
  })

  /** Sent until it was taken; again also where it was taken, if it only reads. */
  const taken = (attempt: Effect.Effect<Answer, LegBroken>, repeatable: boolean) =>
    Effect.retry(attempt, { schedule: again, while: ({ sent }) => !sent || repeatable })

  /** Passes on what comes until the answer to `id`; whether that came. */
  const passed = Effect.fnUntraced(function*(answer: Answer, id: string, seen: { last: string }) {
    let done = false
    yield* events(answer.body, (event) =>
      Effect.gen(function*() {
        if (event.id !== undefined && event.id !== "") seen.last = event.id
        if (event.data === "") return true
        done = isAnswer(event.data, id)
        if (done && event.data.includes("x-mcp-header")) params.learn(event.data)
        yield* line(event.data)
        return !done
      }))
    return done
  })

  /** A stream that broke is resumed by its ids; the daemon says what is known where it does not have it any more. */
  const resumed = Effect.fnUntraced(function*(id: string, seen: { last: string }) {
    while (seen.last !== "") {
      const answer = yield* Effect.result(
        taken(Effect.suspend(() => send("GET", { ...inSession(), "last-event-id": seen.last })), true)
      )
      if (Result.isFailure(answer) || !answer.success.isStream) return false
      if (yield* passed(answer.success, id, seen)) return true
    }
    return false
  })

  const reopened = opening.withPermit(Effect.gen(function*() {
    const answer = yield* taken(Effect.suspend(() => send("POST", base, initialize)), true)
    const text = yield* answer.text
    if (answer.session === null) return yield* new LegBroken({ sent: true, detail: text })
    session = answer.session
    yield* Effect.ignore(send("POST", inSession(), `{"jsonrpc":"2.0","method":"notifications/initialized"}`))
  }))

  const request = Effect.fnUntraced(
    function*(message: Message.Request, headers: () => Readonly<Record<string, string>>, modern: boolean) {
      const { id, method, text } = message
      let renewed = false
      while (true) {
        const answer = yield* taken(Effect.suspend(() => send("POST", headers(), text)), reads.test(method))
        if (answer.isStream) {
          const seen = { last: "" }
          if (yield* passed(answer, id, seen)) return
          if (!modern && (yield* resumed(id, seen))) return
          return yield* told(id, lost)
        }
        const body = yield* answer.text
        if (body.includes("x-mcp-header")) params.learn(body)
        // It says that nothing was begun, and that it will be back.
        if (JsonText.at(body, ["error", "code"]) === stopping) {
          yield* Effect.sleep("250 millis")
          continue
        }
        if (answer.status === 404 && !modern && method !== "initialize" && initialize !== undefined && !renewed) {
          renewed = true
          yield* reopened
          continue
        }
        if (method === "initialize" && answer.session !== null) {
          initialize = text
          session = answer.session
          const negotiated: unknown = JSON.parse(JsonText.at(body, ["result", "protocolVersion"]) ?? "null")
          version = typeof negotiated === "string" ? negotiated : undefined
          yield* FiberMap.run(streams, "session", ownStream)
        }
        const named = JsonText.at(body, ["id"]) === "null" ? JsonText.set(body, ["id"], id) : body
        return yield* body === "" ? told(id, lost) : line(named)
      }
    },
    (effect, message) => Effect.catchTag(effect, "LegBroken", ({ sent }) => told(message.id, sent ? lost : unreachable))
  )

  /** The session's own stream, opened again whenever it ends, behind what was seen. */
  const ownStream = Effect.gen(function*() {
    let last = ""
    while (true) {
      const headers = () => ({ ...inSession(), ...(last === "" ? {} : { "last-event-id": last }) })
      const answer = yield* Effect.result(Effect.suspend(() => send("GET", headers())))
      if (Result.isSuccess(answer) && answer.success.isStream) {
        yield* events(answer.success.body, ({ data, event, id }) => {
          if (id !== undefined && id !== "") last = id
          const isMessage = data !== "" && (event === undefined || event === "message")
          return Effect.as(isMessage ? line(data) : Effect.void, true)
        })
      }
      yield* Effect.sleep("250 millis")
    }
  })

  /** A subscription that ends is asked for again: its client asked for it for good. */
  const listen = Effect.fnUntraced(function*(message: Message.Request, headers: Readonly<Record<string, string>>) {
    let acknowledged = false
    while (true) {
      const answer = yield* Effect.result(send("POST", headers, message.text))
      if (Result.isSuccess(answer) && answer.success.isStream) {
        yield* events(answer.success.body, ({ data }) => {
          if (data === "" || isAnswer(data, message.id)) return Effect.succeed(data === "")
          const again = acknowledged && JsonText.at(data, ["method"]) === acknowledgement
          acknowledged = true
          return Effect.as(again ? Effect.void : line(data), true)
        })
      } else if (Result.isSuccess(answer) && answer.success.status < 500) {
        const body = yield* Effect.orElseSucceed(answer.success.text, () => "")
        if (JsonText.at(body, ["error", "code"]) !== stopping) return yield* line(body)
      }
      yield* Effect.sleep("250 millis")
    }
  })

  const key = (id: string) => JSON.stringify(JSON.parse(id))

  const received = Effect.fnUntraced(function*(text: string) {
    const parsed = Message.parse(text)
    if (Result.isFailure(parsed)) return yield* line(JsonRpcError.text(null, parsed.failure))
    const message = parsed.success
    if (message._tag === "Request") {
      const headers = modernHeaders(message, params)
      if (headers === undefined) {
        const first = message.method === "initialize"
        const run = request(message, first ? () => base : inSession, false)
        return yield* first ? run : FiberMap.run(requests, key(message.id), run)
      }
      const all = { ...base, ...headers }
      return message.method === "subscriptions/listen"
        ? yield* FiberMap.run(streams, key(message.id), listen(message, all))
        : yield* FiberMap.run(requests, key(message.id), request(message, () => all, true))
    }
    if (message._tag === "Notification" && message.method === "notifications/cancelled" && session === undefined) {
      const id = JsonText.at(text, ["params", "requestId"])
      if (id === undefined) return
      yield* FiberMap.remove(requests, key(id))
      return yield* FiberMap.remove(streams, key(id))
    }
    yield* FiberSet.run(
      work,
      taken(Effect.suspend(() => send("POST", inSession(), text)), false).pipe(
        Effect.flatMap((answer) => answer.text),
        Effect.flatMap((body) => message._tag === "Batch" && body !== "" ? line(body) : Effect.void),
        Effect.ignore
      )
    )
  })

  return {
    received,
    /** Once no request waits for its answer, and what was only to be said has been said. */
    settled: Effect.andThen(FiberMap.awaitEmpty(requests), FiberSet.awaitEmpty(work)),
    /** The client is gone. */
    end: Effect.suspend(() =>
      session === undefined
        ? Effect.void
        : Effect.ignore(Effect.flatMap(endpoint, (url) => exchange(url, "DELETE", inSession())))
    )
  }
})

const acknowledgement = `"notifications/subscriptions/acknowledged"`

const isAnswer = (text: string, id: string): boolean => {
  const parsed = Message.parse(text)
  return Result.isSuccess(parsed) && parsed.success._tag === "Response" && Message.sameId(parsed.success.id, id)
}

const modernHeaders = (
  { method, params }: Message.Request,
  mirrored: ParamHeaders
): Readonly<Record<string, string>> | undefined => {
  const revision = Envelope.revision(params)
  return revision === undefined
    ? undefined
    : {
      "mcp-protocol-version": revision,
      ...McpHeaders.standard(method, params),
      ...(method === "tools/call" ? mirrored.of(params) : {})
    }
}

/** HTTP as a test wants to see it: every header its own, every chunk when it comes. */
import { Effect, Option, Queue } from "effect"
import { Agent, type IncomingMessage, request } from "node:http"
import { Endpoint } from "../../src/mcp/http/Endpoint.ts"
import { secret } from "./ScriptedGateway.ts"

export interface Call {
  readonly method?: string
  readonly path?: string
  /** `undefined` leaves a header out that is sent otherwise. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

const usual = {
  authorization: `Bearer ${secret}`,
  accept: "application/json, text/event-stream",
  "content-type": "application/json"
}

export const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

/** Sends a request, a POST of a ping unless told otherwise; its head is there when this returns. */
export const send = Effect.fnUntraced(function*({ agent, body, headers, method = "POST", path = "/mcp" }: Call = {}) {
  const { port } = yield* Endpoint
  const sent = Object.fromEntries(
    Object.entries({ ...usual, ...headers }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  )
  return yield* Effect.acquireRelease(
    Effect.callback<IncomingMessage>((resume) => {
      const outgoing = request(
        { host: "127.0.0.1", port, method, path, headers: sent, agent: agent ?? false },
        (response) => {
          response.pause()
          response.on("error", () => {})
          resume(Effect.succeed(response))
        }
      )
      outgoing.on("error", (error) => resume(Effect.die(error)))
      outgoing.end(method === "POST" ? body ?? ping : body)
    }),
    (response) => Effect.sync(() => agent === undefined ? response.destroy() : undefined)
  )
})

export interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingMessage["headers"]
  readonly text: string
}

/** Sends, and reads the answer whole. */
export const exchange = Effect.fnUntraced(function*(call: Call = {}): Effect.fn.Return<Answer, never, Endpoint> {
  return yield* Effect.scoped(Effect.gen(function*() {
    const response = yield* send(call)
    const text = yield* Effect.promise(async () => {
      let text = ""
      for await (const chunk of response) text += String(chunk)
      return text
    })
    return { status: response.statusCode, headers: response.headers, text }
  }))
})

/** The chunks of an answer as they come; `next` is `None` at its end. */
export const chunks = Effect.fnUntraced(function*(response: IncomingMessage) {
  const queue = yield* Queue.unbounded<Option.Option<string>>()
  response.on("data", (chunk) => Queue.offerUnsafe(queue, Option.some(String(chunk))))
  response.on("close", () => Queue.offerUnsafe(queue, Option.none()))
  response.resume()
  return { next: Queue.take(queue) }
})

/** How answers are put on a Node response. */
import { Effect } from "effect"
import type { ServerResponse } from "node:http"
import { text as errorText } from "../../domain/JsonRpcError.ts"
import { passedToAgent } from "./PassedHeaders.ts"
import type { Refusal } from "./Refusal.ts"
import type { Sink } from "./SseWriter.ts"

type Headers = Readonly<Record<string, string>>

export const whole = (
  response: ServerResponse,
  status: number,
  text: string,
  headers: Headers = {},
  contentType = "application/json"
): Effect.Effect<void> =>
  Effect.sync(() => {
    response.writeHead(status, {
      "content-type": contentType,
      ...passedToAgent(headers),
      "content-length": Buffer.byteLength(text)
    })
    response.end(text)
  })

export const empty = (response: ServerResponse, status: number): Effect.Effect<void> =>
  Effect.sync(() => {
    response.writeHead(status, { "content-length": 0 })
    response.end()
  })

export const refuse = (response: ServerResponse, { code, data, headers, id, message, status }: Refusal) =>
  Effect.sync(() => {
    const text = errorText(id, data === undefined ? { code, message } : { code, message, data })
    response.writeHead(status, {
      "content-type": "application/json",
      ...headers,
      "content-length": Buffer.byteLength(text)
    })
    response.end(text)
  })

/** Sends the head at once; what is written to the sink goes out chunk by chunk. */
const begin = (response: ServerResponse, status: number, headers: Headers): Effect.Effect<Sink> =>
  Effect.sync(() => {
    response.writeHead(status, headers)
    response.flushHeaders()
    return { write: (text) => write(response, text) }
  })

export const chunked = (response: ServerResponse, status: number, headers: Headers): Effect.Effect<Sink> =>
  begin(response, status, { "content-type": "application/json", ...passedToAgent(headers) })

export const eventStream = (response: ServerResponse, headers: Headers = {}): Effect.Effect<Sink> =>
  begin(response, 200, {
    ...passedToAgent(headers),
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    // Tells nginx and its like not to hold events back.
    "x-accel-buffering": "no"
  })

const write = (response: ServerResponse, text: string | Uint8Array): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Whoever closed it interrupts the request's fiber.
    if (response.writableEnded || response.destroyed) return Effect.never
    if (response.write(text)) return Effect.void
    return Effect.callback<void>((resume) => {
      const drained = () => resume(Effect.void)
      response.once("drain", drained)
      return Effect.sync(() => response.off("drain", drained))
    })
  })

/** A relay that is well behaved but for the calls of one tool, which a test answers with whatever bytes it likes. */
import { Effect } from "effect"
import type { ServerResponse } from "node:http"
import { handshake, json, type Received, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"

/** Answers calls of the tool `evil`; the rest of the relay is honest. */
export type Evil = (request: Received, response: ServerResponse) => void

export const tools = [
  { name: "evil", inputSchema: { type: "object" } },
  { name: "evil_read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
  { name: "relay_send_message", inputSchema: { type: "object" } },
  { name: "good", inputSchema: { type: "object" } }
]

const isEvil = ({ body, rpc }: Received): boolean => rpc === "tools/call" && !body.includes(`"good"`)

/** `evil` may be changed at any time; `honest` answers what it returns true for, before anybody else. */
export const hostileRelay = Effect.fnUntraced(function*(
  options: {
    readonly evil?: Evil
    readonly special?: (request: Received, response: ServerResponse) => boolean
    /** The revision that it speaks. */
    readonly version?: string
  } = {}
) {
  const state = { evil: options.evil ?? (() => {}), special: options.special ?? (() => false) }
  const relay = yield* scriptedRelay((request, response) => {
    response.on("error", () => {})
    if (state.special(request, response)) return
    if (isEvil(request)) return state.evil(request, response)
    if (handshake(request, response, "relay-session", options.version)) return
    if (request.method === "GET") return void response.writeHead(405).end()
    if (request.method === "DELETE") return void response.writeHead(204).end()
    const id = JSON.parse(request.id)
    if (request.rpc.startsWith("notifications/") || id === null) return void response.writeHead(202).end()
    switch (request.rpc) {
      case "server/discover":
        return json(response, 200, { jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } })
      case "tools/list":
        return json(response, 200, { jsonrpc: "2.0", id, result: { tools } })
      default:
        return json(response, 200, { jsonrpc: "2.0", id, result: { content: [], is: request.rpc } })
    }
  })
  return Object.assign(relay, { state })
})

/** Bytes on the connection as they are, in the place of an HTTP response; the connection stays open. */
export const raw = (response: ServerResponse, ...bytes: ReadonlyArray<string | Uint8Array>): void => {
  for (const part of bytes) response.socket?.write(part)
}

export const sseHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

export const resultOf = (id: string, is: string): string => `{"jsonrpc":"2.0","id":${id},"result":{"is":"${is}"}}`

/** Writes `chunk` again and again for as long as the other side takes it; says how many bytes that were. */
export const endlessly = (response: ServerResponse, head: string, chunk: string) => {
  const { socket } = response
  const written = { bytes: 0, closed: Promise.withResolvers<void>() }
  if (socket === null) throw new Error("the connection is gone")
  socket.on("error", () => {})
  socket.on("close", () => written.closed.resolve())
  socket.write(head)
  const more = () => {
    while (!socket.destroyed) {
      written.bytes += chunk.length
      if (!socket.write(chunk)) return
    }
  }
  socket.on("drain", more)
  more()
  return written
}

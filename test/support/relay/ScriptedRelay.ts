/** A relay of node:http in the test's own process, that answers as the test says. */
import { Effect, Layer } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { RelayTarget, Settings, settingsFrom, type SettingsSchema } from "../../../src/config/Settings.ts"
import { defaultRelay } from "../../../src/domain/Ids.ts"

export interface Received {
  readonly method: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
  /** The JSON-RPC method of a POST, empty otherwise. */
  readonly rpc: string
  /** The JSON-RPC id as text, `null` where there is none. */
  readonly id: string
}

export type Script = (request: Received, response: ServerResponse) => void

const read = async (request: IncomingMessage): Promise<Received> => {
  let body = ""
  for await (const chunk of request) body += String(chunk)
  const message = /^\s*\{/.test(body) ? JSON.parse(body) : {}
  return {
    method: request.method ?? "",
    headers: request.headers,
    body,
    rpc: message.method ?? "",
    id: JSON.stringify(message.id ?? null)
  }
}

/** Listens until the scope ends; the script may be changed at any time. */
export const scriptedRelay = Effect.fnUntraced(function*(script: Script) {
  const received: Array<Received> = []
  const relay = { script, received, url: new URL("http://127.0.0.1/mcp") }
  const server = createServer((request, response) => {
    void read(request).then((got) => {
      received.push(got)
      relay.script(got, response)
    })
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  relay.url.port = String(port)
  return relay
})

/** Where the relay is, and settings with nothing set but what is given. */
export const target = (url: URL, settings: typeof SettingsSchema.Encoded = {}) =>
  Layer.mergeAll(
    Layer.succeed(RelayTarget, { id: defaultRelay, url, token: {} }),
    Layer.succeed(Settings, settingsFrom(settings))
  )

export const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(JSON.stringify(body))
}

export const page = (response: ServerResponse, status: number, headers: Record<string, string> = {}) => {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", ...headers })
  response.end("<!doctype html><h1>Not what you asked for</h1>")
}

export const event = (data: unknown, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

/** `initialize` and its notification, as a relay with sessions answers them; whether it was one of these. */
export const handshake = (
  { id, rpc }: Received,
  response: ServerResponse,
  session: string,
  protocolVersion = "2025-06-18"
): boolean => {
  if (rpc === "initialize") {
    const result = { protocolVersion, capabilities: {}, serverInfo: { name: "scripted", version: "1" } }
    json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result }, { "mcp-session-id": session })
  } else if (rpc === "notifications/initialized") response.writeHead(202).end()
  else return false
  return true
}

/** The measure: `node:http` in front, undici behind, no feature. Argument: the relay's URL. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Agent } from "undici"
import { started } from "./started.ts"

const relay = new URL(process.argv[2] ?? "")
const agent = new Agent({ connections: null, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })

const passed = ["content-type", "accept", "mcp-session-id", "mcp-protocol-version"]
const returned = ["content-type", "content-length", "mcp-session-id"]

const only = (names: ReadonlyArray<string>, headers: IncomingMessage["headers"]): Record<string, string> => {
  const kept: Record<string, string> = {}
  for (const name of names) {
    const value = headers[name]
    if (typeof value === "string") kept[name] = value
  }
  return kept
}

const forward = async (request: IncomingMessage, response: ServerResponse, body: Buffer | null): Promise<void> => {
  try {
    const answer = await agent.request({
      origin: relay.origin,
      path: relay.pathname,
      method: body === null ? "GET" : "POST",
      headers: only(passed, request.headers),
      body
    })
    response.on("close", () => {
      if (!response.writableFinished) answer.body.destroy()
    })
    response.writeHead(answer.statusCode, only(returned, answer.headers))
    // An answer's head leaves with its first bytes; a stream may have none for long.
    if (body === null) response.flushHeaders()
    answer.body.on("error", () => response.destroy()).pipe(response)
  } catch {
    response.destroy()
  }
}

const server = createServer((request, response) => {
  if (request.method === "GET") {
    void forward(request, response, null)
  } else {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => void forward(request, response, Buffer.concat(chunks)))
  }
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => started((server.address() as AddressInfo).port))

/**
 * A relay that costs next to nothing: `node:http` that answers with what it has ready. Arguments: port, number of tools.
 *
 * By message from the bench: `announce` changes the tools and tells every stream; `streams` counts those; `count` gives the
 * writes received: when, to whom and with which text; `written`, how many there are.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { type EchoTool, sizes, streamEvents, textOf, tools } from "./CannedTools.ts"
import { started } from "./started.ts"

const [port = "0", toolCount = "4"] = process.argv.slice(2)

let edition = 0
let list = JSON.stringify({ tools: tools(Number(toolCount), edition) })
let sessions = 0
const streams = new Set<ServerResponse>()
const writes: Array<{ readonly at: number; readonly to: string; readonly text: string }> = []

const result = (text: string): string => JSON.stringify({ content: [{ type: "text", text }] })

const canned: Record<EchoTool, string> = { small: result(textOf("small")), large: result(textOf("large")) }
const progress = JSON.stringify({
  jsonrpc: "2.0",
  method: "notifications/progress",
  params: { progressToken: 1, progress: 1, message: textOf("small") }
})

const initialized = JSON.stringify({
  protocolVersion: "2025-11-25",
  capabilities: { tools: { listChanged: true } },
  serverInfo: { name: "stub", version: "1" }
})

const answer = (response: ServerResponse, id: string, value: string, headers: Record<string, string> = {}): void => {
  const body = `{"jsonrpc":"2.0","id":${id},"result":${value}}`
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers
  })
  response.end(body)
}

/** One event a turn of the event loop, so that each is a write of its own. */
const stream = (response: ServerResponse, id: string): void => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  let sent = 0
  const next = () => {
    sent += 1
    if (sent === streamEvents) {
      response.end(`data: {"jsonrpc":"2.0","id":${id},"result":${canned.small}}\n\n`)
    } else {
      response.write(`data: ${progress}\n\n`)
      setImmediate(next)
    }
  }
  next()
}

const receive = (text: string, response: ServerResponse): void => {
  const id = /"id":("[^"]*"|\d+)/.exec(text)?.[1]
  const method = /"method":"([^"]*)"/.exec(text)?.[1]
  if (id === undefined) {
    response.writeHead(202).end()
  } else if (method === "tools/call") {
    const tool = /"name":"([^"]*)"/.exec(text)?.[1]
    if (tool === "stream") stream(response, id)
    else if (tool !== undefined && Object.hasOwn(sizes, tool)) answer(response, id, canned[tool as EchoTool])
    else {
      const { arguments: { text: said, to } } = JSON.parse(text).params
      writes.push({ at: performance.now(), to, text: said })
      answer(response, id, canned.small)
    }
  } else if (method === "tools/list") {
    answer(response, id, list)
  } else if (method === "initialize") {
    answer(response, id, initialized, { "mcp-session-id": `session-${++sessions}` })
  } else if (method === "ping") {
    answer(response, id, "{}")
  } else {
    const body = `{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"Method not found"}}`
    response.writeHead(200, { "content-type": "application/json" }).end(body)
  }
}

const open = (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  // So that who is behind the bare pass-through sees that the stream is there, too.
  response.write(": open\n\n")
  streams.add(response)
  response.on("close", () => streams.delete(response))
}

const server = createServer((request: IncomingMessage, response) => {
  if (request.method === "GET") {
    open(response)
  } else if (request.method === "POST") {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => receive(Buffer.concat(chunks).toString(), response))
  } else {
    response.writeHead(200).end()
  }
})
server.keepAliveTimeout = 60_000
server.listen(Number(port), "127.0.0.1", () => started((server.address() as AddressInfo).port))

process.on("message", (message) => {
  if (message === "announce") {
    edition += 1
    list = JSON.stringify({ tools: tools(Number(toolCount), edition) })
    for (const one of streams) {
      one.write(`data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n`)
    }
    process.send?.({ reply: {} })
  } else if (message === "streams") {
    process.send?.({ reply: { streams: streams.size } })
  } else if (message === "count") {
    process.send?.({ reply: writes })
  } else if (message === "written") {
    process.send?.({ reply: writes.length })
  }
})

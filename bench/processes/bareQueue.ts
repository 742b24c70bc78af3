/**
 * What a queued call takes at least: `node:http` in front, and a row in SQLite behind, with the outbox's own durability.
 * Calls that arrive together share a commit, and each is answered after it. Argument: a file; without one a call is
 * answered at once, and nothing is written: the edge alone.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { started } from "./started.ts"

interface Call {
  readonly id: number
  readonly text: string
  readonly lane: string
  readonly response: ServerResponse
}

const [file] = process.argv.slice(2)

const reply = (response: ServerResponse, id: number, result: string): void => {
  const body = `{"jsonrpc":"2.0","id":${id},"result":${result}}`
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "mcp-session-id": "bare"
  })
  response.end(body)
}

const acknowledge = ({ id, response }: Call): void => {
  const note = `"The call is queued and safe on disk. ${"x".repeat(200)}"`
  const content = `"content":[{"type":"text","text":${note}}]`
  reply(response, id, `{${content},"structuredContent":{"queued":true,"note":${note}}}`)
}

const openQueue = (file: string): (call: Call) => void => {
  const database = new DatabaseSync(file)
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")
  database.exec("CREATE TABLE calls (id INTEGER PRIMARY KEY, lane TEXT, key TEXT UNIQUE, request TEXT, at INTEGER)")
  const insert = database.prepare("INSERT INTO calls (lane, key, request, at) VALUES (?, ?, ?, ?)")
  let waiting: Array<Call> = []
  let rows = 0
  const commit = () => {
    const batch = waiting
    waiting = []
    database.exec("BEGIN IMMEDIATE")
    for (const { lane, text } of batch) insert.run(lane, `key ${String(++rows).padStart(9, "0")}`, text, Date.now())
    database.exec("COMMIT")
    for (const call of batch) acknowledge(call)
  }
  return (call) => {
    if (waiting.push(call) === 1) setImmediate(commit)
  }
}

const take = file === undefined ? acknowledge : openQueue(file)

const initialized = JSON.stringify({
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "bare", version: "1" }
})

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const text = Buffer.concat(chunks).toString()
    const { id, method, params } = JSON.parse(text)
    if (method === "tools/call") take({ id, text, lane: params.arguments.to, response })
    else if (method === "initialize") reply(response, id, initialized)
    else response.writeHead(202).end()
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => started((server.address() as AddressInfo).port))

/**
 * A relay of MCP 2025-11-25 whose calls take long and outlive its own death: each is on disk before it is answered, is
 * carried out once, and its stream can be read on from its first event. `keyed` is one call for each key. Its only argument
 * is a `RelayConfig`, of which it heeds the port and the ledger; it dies with its parent.
 */
import { randomUUID } from "node:crypto"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import "../dieWithParent.ts"
import { type LedgerEntry, readLedger } from "./Ledger.ts"

interface Job {
  readonly job: string
  readonly tool: string
  readonly key: string | null
  readonly arguments: { readonly text: string; readonly millis: number }
  readonly startedAt: number
}

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: {
    readonly name: string
    readonly arguments: Job["arguments"] & { readonly idempotencyKey?: string }
  }
}

const { ledgerFile, port = 0 }: { readonly ledgerFile: string; readonly port?: number } = JSON.parse(
  process.argv[2] ?? "{}"
)
const jobsFile = `${ledgerFile}.jobs`
const jobs = new Map<string, Job>()
const done = new Set(readLedger(ledgerFile).map(({ id }) => id))
const waiting = new Map<string, Array<() => void>>()

const carryOut = (job: Job): void => {
  jobs.set(job.job, job)
  if (done.has(job.job)) return
  setTimeout(() => {
    const entry: LedgerEntry = { ...job, id: job.job, agent: "any", at: Date.now() }
    appendFileSync(ledgerFile, `${JSON.stringify(entry)}\n`)
    done.add(job.job)
    for (const go of waiting.get(job.job) ?? []) go()
    waiting.delete(job.job)
  }, Math.max(0, job.startedAt + job.arguments.millis - Date.now()))
}

if (existsSync(jobsFile)) {
  for (const line of readFileSync(jobsFile, "utf8").split("\n").slice(0, -1)) carryOut(JSON.parse(line))
}

const begun = ({ arguments: { idempotencyKey, ...args }, name }: NonNullable<Message["params"]>): Job => {
  const key = name === "keyed" ? idempotencyKey ?? null : null
  const known = key === null ? undefined : [...jobs.values()].find((job) => job.key === key)
  if (known !== undefined) return known
  const job: Job = { job: randomUUID(), tool: name, key, arguments: args, startedAt: Date.now() }
  appendFileSync(jobsFile, `${JSON.stringify(job)}\n`)
  carryOut(job)
  return job
}

/** `from`: the number of the last event that the client has. */
const stream = (response: ServerResponse, job: Job, id: string, from: number): void => {
  const eventId = (number: number) => `${job.job}~${Buffer.from(id).toString("base64url")}~${number}`
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
  if (from < 0) response.write(`id: ${eventId(0)}\ndata:\n\n`)
  const answer = () => {
    const result = { content: [{ type: "text", text: `done: ${job.arguments.text}` }] }
    response.end(`id: ${eventId(1)}\ndata: {"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)}}\n\n`)
  }
  if (done.has(job.job)) answer()
  else waiting.set(job.job, [...waiting.get(job.job) ?? [], answer])
}

const text = { type: "string" }
const object = (properties: object) => ({ type: "object", properties })
const tools = [
  { name: "long", inputSchema: object({ text, millis: { type: "number" } }) },
  { name: "keyed", inputSchema: object({ text, millis: { type: "number" }, idempotencyKey: text }) }
]

const resultOf = (method: string): object => {
  if (method === "tools/list") return { tools }
  return method === "initialize"
    ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "long", version: "1" } }
    : {}
}

const post = (message: Message, response: ServerResponse): void => {
  if (message.id === undefined) return void response.writeHead(202).end()
  const id = JSON.stringify(message.id)
  if (message.method === "tools/call" && message.params !== undefined) {
    return stream(response, begun(message.params), id, -1)
  }
  const session = message.method === "initialize" ? { "mcp-session-id": randomUUID() } : {}
  response.writeHead(200, { "content-type": "application/json", ...session })
  response.end(`{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(resultOf(message.method ?? ""))}}`)
}

const get = (request: IncomingMessage, response: ServerResponse): void => {
  const [job = "", id = "", number = ""] = String(request.headers["last-event-id"] ?? "").split("~")
  const found = jobs.get(job)
  if (found === undefined) return void response.writeHead(405).end()
  stream(response, found, Buffer.from(id, "base64url").toString(), Number(number))
}

const server = createServer((request, response) => {
  let body = ""
  request.on("data", (chunk) => body += String(chunk)).on("end", () => {
    if (request.method === "POST") post(JSON.parse(body), response)
    else if (request.method === "GET") get(request, response)
    else response.writeHead(200).end()
  })
})
server.listen(port, "127.0.0.1", () => {
  const address = server.address()
  process.send?.({ ready: typeof address === "object" ? address?.port : 0 })
})

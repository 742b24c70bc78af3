/**
 * Envelopes of HTTP from a seed: bytes that an agent sends to the endpoint, and bytes that a relay answers with. Whatever
 * they are, what Holdfast sends to either side is HTTP that no two parsers read in two ways, of headers that may pass.
 */
import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"
import { Dice } from "../../support/Dice.ts"
import { plainJson } from "../../support/plainJson.ts"

const name = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
// eslint-disable-next-line no-control-regex
const value = /^[\t\x20-\x7e\x80-\xff]*$/

export interface Envelope {
  readonly first: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export class Malformed extends Error {}

const malformed = (what: string, text: string): never => {
  throw new Malformed(`${what}: ${JSON.stringify(text.slice(0, 2000))}`)
}

const fieldsOf = (lines: ReadonlyArray<string>, text: string): ReadonlyMap<string, string> => {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(": ")
    const field = line.slice(0, colon).toLowerCase()
    if (colon < 1 || !name.test(field) || !value.test(line.slice(colon + 2))) malformed(`no header ${line}`, text)
    if (headers.has(field)) malformed(`${field} twice`, text)
    headers.set(field, line.slice(colon + 2))
  }
  return headers
}

/** The chunks of a body joined, and what is behind them; `undefined` while more has to come. */
const unchunked = (text: string): { readonly body: string; readonly rest: string } | undefined => {
  let at = 0
  let body = ""
  while (true) {
    const end = text.indexOf("\r\n", at)
    if (end === -1) return undefined
    const size = text.slice(at, end)
    if (!/^[0-9a-f]+$/i.test(size)) malformed(`no chunk's size ${size}`, text)
    const length = Number.parseInt(size, 16)
    const from = end + 2
    if (text.length < from + length + 2) return undefined
    if (text.slice(from + length, from + length + 2) !== "\r\n") malformed("a chunk without an end", text)
    if (length === 0) return { body, rest: text.slice(from + 2) }
    body += text.slice(from, from + length)
    at = from + length + 2
  }
}

/** The first message of these bytes, read to the letter, and what is behind it. `isOver`: the connection was closed. */
export const readEnvelope = (
  text: string,
  isOver: boolean
): { readonly envelope: Envelope; readonly rest: string } | undefined => {
  const end = text.indexOf("\r\n\r\n")
  if (end === -1) return undefined
  const [first = "", ...lines] = text.slice(0, end).split("\r\n")
  const headers = fieldsOf(lines, text)
  const after = text.slice(end + 4)
  const length = headers.get("content-length")
  if (headers.has("transfer-encoding")) {
    if (length !== undefined || headers.get("transfer-encoding") !== "chunked") malformed("two lengths", text)
    const read = unchunked(after)
    return read && { envelope: { first, headers, body: read.body }, rest: read.rest }
  }
  if (length === undefined) {
    const hasNone = /^(GET|DELETE) /.test(first) || / (204|304) /.test(first)
    if (hasNone) return { envelope: { first, headers, body: "" }, rest: after }
    return isOver ? { envelope: { first, headers, body: after }, rest: "" } : undefined
  }
  if (!/^\d+$/.test(length)) malformed(`no length ${length}`, text)
  if (after.length < Number(length)) return undefined
  return { envelope: { first, headers, body: after.slice(0, Number(length)) }, rest: after.slice(Number(length)) }
}

/** What Holdfast may send to a relay. */
const toRelay =
  /^(host|connection|accept|accept-encoding|accept-language|baggage|content-length|content-type|last-event-id|mcp-method|mcp-name|mcp-param-[^:]+|mcp-protocol-version|mcp-session-id|traceparent|tracestate|user-agent)$/

const jsonHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
const whole = (head: string, body: string): string => `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const info = `"capabilities":{"tools":{}},"serverInfo":{"name":"relay","version":"1"}`

const honest = (era: "legacy" | "modern", { body, first }: Envelope): string => {
  if (!first.startsWith("POST")) return whole("HTTP/1.1 405 No\r\n", "")
  const message: { readonly id?: unknown; readonly method?: unknown } = Object(plainJson(body))
  if (message.id === undefined || message.method === undefined) return whole("HTTP/1.1 202 Accepted\r\n", "")
  const result = (text: string, head = jsonHead) =>
    whole(head, `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${text}}`)
  switch (message.method) {
    case "initialize":
      return era === "legacy"
        ? result(`{"protocolVersion":"2025-11-25",${info}}`, `${jsonHead}mcp-session-id: relay\r\n`)
        : whole(
          jsonHead.replace("200 OK", "404 No"),
          `{"jsonrpc":"2.0","id":null,"error":{"code":-32022,"message":"no"}}`
        )
    case "server/discover":
      return era === "modern"
        ? result(
          `{"supportedVersions":["2026-07-28"],"resultType":"complete","ttlMs":0,"cacheScope":"private",${info}}`
        )
        : whole(jsonHead, `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"error":{"code":-32601,"message":"no"}}`)
    case "tools/list":
      return result(`{"tools":[{"name":"evil","inputSchema":{"type":"object"}}]}`)
    default:
      return result(`{"content":[],"resultType":"complete"}`)
  }
}

/** A relay that reads to the letter, and notes what is wrong. `evil` answers calls of the tool `evil`, in bytes. */
export const strictRelay = (era: "legacy" | "modern", evil?: (id: string) => string | undefined) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: URL
      readonly faults: Array<string>
      readonly state: { requests: number }
      readonly close: () => void
    }>((resume) => {
      const faults: Array<string> = []
      const state = { requests: 0 }
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        let text = ""
        socket.on("error", () => {}).on("close", () => sockets.delete(socket))
        socket.on("data", (chunk) => {
          text += chunk.toString("latin1")
          try {
            for (let read = readEnvelope(text, false); read !== undefined; read = readEnvelope(text, false)) {
              text = read.rest
              state.requests++
              const { body, first, headers } = read.envelope
              if (!/^(POST|GET|DELETE) \/mcp HTTP\/1\.1$/.test(first)) malformed("not to the relay's path", first)
              for (const field of headers.keys()) if (!toRelay.test(field)) malformed(`${field} passed`, first)
              const posted = Buffer.from(body, "latin1").toString()
              const message: { readonly id?: unknown; readonly method?: unknown } = body === ""
                ? {}
                : Object(plainJson(posted))
              const bytes = message.method === "tools/call" ? evil?.(JSON.stringify(message.id)) : undefined
              if (bytes !== undefined) return void socket.end(Buffer.from(bytes, "latin1"))
              socket.write(honest(era, { first, headers, body: posted }))
            }
          } catch (error) {
            faults.push(String(error))
            socket.destroy()
          }
        })
      })
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
          faults,
          state,
          close: () => {
            server.close()
            for (const socket of sockets) socket.destroy()
          }
        })))
    }),
    ({ close }) => Effect.sync(close)
  )

/**
 * Sends the bytes; all that comes back until the endpoint closes the connection or is silent for so long, and then until
 * `hasAnswered` is through: what a busy machine answers late comes before that.
 */
export const exchangeBytes = (
  port: number,
  bytes: string,
  idleMillis: number,
  hasAnswered: () => Promise<unknown> = () => Promise.resolve()
): Promise<string> =>
  new Promise((resolve) => {
    let text = ""
    const socket = connect(port, "127.0.0.1", () => void socket.write(Buffer.from(bytes, "latin1")))
    const end = async () => {
      const before = text.length
      await hasAnswered()
      if (text.length === before) socket.destroy()
    }
    socket.setTimeout(idleMillis).on("timeout", () => void end())
    socket.on("error", () => {}).on("data", (chunk) => text += chunk.toString("latin1")).on(
      "close",
      () => resolve(text)
    )
  })

/** What Holdfast may send to an agent. */
const toAgent =
  /^(cache-control|connection|content-length|content-type|date|keep-alive|mcp-protocol-version|mcp-session-id|retry-after|transfer-encoding|www-authenticate|x-accel-buffering|x-request-id|allow)$/

/** Reads all answers to the letter; an answer that breaks off is none. */
export const checkAnswers = (text: string): ReadonlyArray<Envelope> => {
  const answers: Array<Envelope> = []
  for (let read = readEnvelope(text, true); read !== undefined; read = readEnvelope(read.rest, true)) {
    const { envelope } = read
    if (!/^HTTP\/1\.1 \d{3} [\x20-\x7e]*$/.test(envelope.first)) malformed("no status", text)
    for (const field of envelope.headers.keys()) if (!toAgent.test(field)) malformed(`${field} passed`, text)
    answers.push(envelope)
  }
  return answers
}

const breaks = [
  "\n",
  "\r",
  "\r\n ",
  "\n\n",
  "\r\r\n"
] as const
const dirt = [
  "\0",
  "\x7f",
  "\x80",
  "\xff",
  "\t",
  "\r",
  "\n",
  " ",
  ":",
  "\x0b",
  "\x85",
  "\r\nx-evil: 1",
  "\nx-evil: 1"
] as const

const dirty = (dice: Dice, text: string, share: number): string => {
  if (!dice.chance(share)) return text
  const at = dice.between(0, text.length)
  return text.slice(0, at) + dice.of(dirt) + text.slice(at)
}

const passing = [
  "user-agent",
  "mcp-name",
  "mcp-method",
  "mcp-param-x",
  "traceparent",
  "tracestate",
  "baggage",
  "accept-language",
  "last-event-id",
  "mcp-protocol-version",
  "x-evil",
  "cookie",
  "proxy-authorization",
  "upgrade",
  "expect"
] as const

const escapes = ["a", "\\r\\n", "\\u0000", "x-evil: 1", "\\ud800", "é", "\\u2028", "=?base64?", "\\\"", "\\t"] as const

const framing = (dice: Dice, length: number, share: number): ReadonlyArray<string> =>
  !dice.chance(share) ? [`content-length: ${length}`] : dice.of<() => ReadonlyArray<string>>([
    () => [`Content-Length:${length}`],
    () => [`content-length: ${length + dice.between(-9, 9)}`],
    () => [`content-length: ${length}`, `content-length: ${length}`],
    () => [`content-length: ${length}`, "transfer-encoding: chunked"],
    () => ["transfer-encoding: chunked"],
    () => ["transfer-encoding : chunked"],
    () => ["transfer-encoding: chunked, identity"],
    () => ["transfer-encoding: xchunked", `content-length: ${length}`],
    () => [`content-length: +${length}`],
    () => [`content-length: ${length}, ${length}`],
    () => [`content-length: 0x${length.toString(16)}`],
    () => []
  ])()

/** How much of an input is out of order. */
const shares = [0, 0.02, 0.05, 0.15, 0.5] as const

/** A request, more or less, often with another one in it or behind it. */
export const agentBytes = (dice: Dice, secret: string, session: string, era: "legacy" | "modern"): string => {
  const share = dice.of(shares)
  const odd = () => Array.from({ length: dice.between(0, 3) }, () => dice.of(escapes)).join("")
  const meta = era === "modern" || dice.chance(0.2)
    ? `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
    : ""
  const method = dice.of([
    "tools/call",
    "tools/call",
    "ping",
    "prompts/get",
    "resources/read",
    `x${odd()}`,
    "tools/list"
  ])
  const tool = dice.chance(0.5) ? "good" : odd()
  const message = Buffer.from(
    `{"jsonrpc":"2.0","id":${
      dice.of(["1", "\"a\"", `"${odd()}"`])
    },"method":"${method}","params":{"name":"${tool}","uri":"${odd()}","arguments":{}${meta}}}`
  ).toString("latin1")
  const inner = `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx-evil: 1\r\ncontent-length: 2\r\n\r\n{}`
  const chunked = (text: string) =>
    `${text.length.toString(16)}${dice.of(["", ";x=y", " ", ";\r"])}\r\n${text}\r\n0\r\n\r\n`
  const isChunked = dice.chance(share)
  const body = isChunked ? chunked(message) : message + (dice.chance(share) ? inner : "")
  const verb = dice.chance(share) ? dice.of(["GET", "PUT", "post", "M-SEARCH"]) : "POST"
  const path = dice.chance(share) ? dice.of(["/mcp?x=\x80", "http://evil/mcp", "/mcp/../mcp", "/mcp/evil"]) : "/mcp"
  const lines = [
    `${verb} ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    `authorization: Bearer ${secret}`,
    "accept: application/json, text/event-stream",
    "content-type: application/json",
    "connection: close",
    ...era === "legacy"
      ? [`mcp-session-id: ${session}`]
      : ["mcp-protocol-version: 2026-07-28", `mcp-method: ${dice.chance(share) ? odd() : method}`, `mcp-name: ${tool}`],
    ...isChunked && !dice.chance(share) ? ["transfer-encoding: chunked"] : framing(dice, body.length, share),
    ...Array.from(
      { length: dice.between(0, 2) },
      () => dirty(dice, `${dice.of(passing)}: ${dice.of(["x", "\xe9", "a, b"])}`, share)
    )
  ]
  const joined = lines.map((line, index) => index === 0 ? line : dirty(dice, line, share / 4))
    .map((line) => line + (dice.chance(share / 4) ? dice.of(breaks) : "\r\n")).join("")
  return `${joined}\r\n${body}${dice.chance(share) ? inner : ""}`
}

const answered = [
  "x-request-id",
  "cache-control",
  "retry-after",
  "mcp-protocol-version",
  "mcp-session-id",
  "set-cookie",
  "location",
  "www-authenticate",
  "x-evil"
] as const

/** An answer, more or less, to a call with that id. */
export const relayBytes = (dice: Dice, id: string): string => {
  const share = dice.of(shares)
  const odd = () => Array.from({ length: dice.between(0, 3) }, () => dice.of([...dirt, "x", "\xe9", "data: "])).join("")
  const result = `{"jsonrpc":"2.0","id":${id},"result":{"content":[]}}`
  const sse = dice.chance(0.4)
  const event = () => {
    const [field, value] = dice.of([
      ["id", odd()],
      ["event", dice.of(["message", "evil", odd()])],
      ["retry", dice.of(["1", "9".repeat(400), "-1"])],
      ["data", dice.of([result, "{}", odd()])],
      ["", odd()]
    ])
    return `${field}: ${value}\n${dice.chance(0.4) ? "\n" : ""}`
  }
  const body = sse
    ? `${Array.from({ length: dice.between(0, 6) }, event).join("")}data: ${result}\n\n`
    : dice.chance(share)
    ? dice.of([result + odd(), odd(), `[${result}]`, result.slice(0, -3)])
    : result
  const status = dice.chance(share) ? dice.of(["202", "400", "404", "500", "099", "1000"]) : "200"
  const type = sse ? "text/event-stream" : "application/json"
  const lines = [
    dirty(dice, `HTTP/1.1 ${status} ${dice.chance(share) ? odd() : "OK"}`, share),
    `content-type: ${dice.chance(share) ? dice.of([`${type}; x=${odd()}`, odd()]) : type}`,
    ...framing(dice, body.length, share),
    ...Array.from(
      { length: dice.between(0, 3) },
      () => dirty(dice, `${dice.of(answered)}: ${dice.of(["x", "\xe9", "1", "9".repeat(400)])}`, share)
    )
  ]
  return `${lines.map((line) => line + (dice.chance(share / 4) ? dice.of(breaks) : "\r\n")).join("")}\r\n${body}`
}

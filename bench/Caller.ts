/** An agent with an MCP session of its own, over one connection. Its calls are prebuilt; each answer is checked. */
import { Connection, type Reply } from "./Connection.ts"

export interface Target {
  readonly name: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

/** Replaced in each call by a number of as many digits, so that the body keeps its length. */
export const place = "#########"

const firstId = 100_000_000

const head = (target: Target, verb: string, session: string | undefined, length: number | undefined): string =>
  [
    `${verb} ${target.url.pathname} HTTP/1.1`,
    `Host: ${target.url.host}`,
    ...Object.entries(target.headers).map(([name, value]) => `${name}: ${value}`),
    verb === "GET" ? "Accept: text/event-stream" : "Accept: application/json, text/event-stream",
    ...(session === undefined ? [] : [`Mcp-Session-Id: ${session}`, "Mcp-Protocol-Version: 2025-11-25"]),
    ...(length === undefined ? [] : ["Content-Type: application/json", `Content-Length: ${length}`])
  ].join("\r\n") + "\r\n\r\n"

const post = (target: Target, session: string | undefined, body: string): Buffer =>
  Buffer.from(head(target, "POST", session, Buffer.byteLength(body)) + body)

const offsets = (bytes: Buffer): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let at = bytes.indexOf(place); at >= 0; at = bytes.indexOf(place, at + 1)) found.push(at)
  return found
}

/** One prebuilt request, and what its answers hold besides the id. */
export interface Prepared {
  readonly bytes: Buffer
  readonly offsets: ReadonlyArray<number>
  readonly expected: Buffer
}

export class Caller {
  readonly #connection: Connection
  readonly #target: Target
  readonly #session: string
  #lastId = firstId

  private constructor(target: Target, connection: Connection, session: string) {
    this.#target = target
    this.#connection = connection
    this.#session = session
  }

  static async open(target: Target): Promise<Caller> {
    const connection = new Connection(target.url)
    const hello = await connection.request(post(
      target,
      undefined,
      JSON.stringify({
        jsonrpc: "2.0",
        id: 0,
        method: "initialize",
        params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } }
      })
    ))
    const session = /\r\nmcp-session-id: *(\S+)/i.exec(hello.head)?.[1]
    if (hello.status !== 200 || session === undefined) {
      throw new Error(`${target.name} did not open a session: ${hello.head}\n${hello.body}`)
    }
    const notified = await connection.request(
      post(target, session, JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }))
    )
    if (notified.status !== 202) throw new Error(`${target.name}: initialized: HTTP ${notified.status}`)
    return new Caller(target, connection, session)
  }

  prepare(method: string, params: object, expected: string): Prepared {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method, params }).replace("\"id\":0", `"id":${place}`)
    const bytes = post(this.#target, this.#session, body)
    return { bytes, offsets: offsets(bytes), expected: Buffer.from(expected) }
  }

  /** Fails where the answer is not to this request, or not the expected one. */
  async call(prepared: Prepared): Promise<Reply> {
    const id = String(++this.#lastId)
    for (const offset of prepared.offsets) prepared.bytes.write(id, offset, "latin1")
    const reply = await this.#connection.request(prepared.bytes)
    if (reply.status !== 200 || !reply.body.includes(`"id":${id}`) || !reply.body.includes(prepared.expected)) {
      throw new Error(`${this.#target.name} answered ${id} with HTTP ${reply.status}: ${reply.body.subarray(0, 1000)}`)
    }
    return reply
  }

  /** The session's stream on a connection of its own; done once it is open. Closed by what it returns. */
  async listen(onText: (text: string) => void): Promise<() => void> {
    const connection = new Connection(this.#target.url)
    await new Promise<void>((resolve, reject) => {
      const opened = connection.request(head(this.#target, "GET", this.#session, undefined), (piece) => {
        resolve()
        onText(piece.toString())
      })
      opened.then(({ status }) => reject(new Error(`the stream ended: HTTP ${status}`)), reject)
    })
    return () => connection.close()
  }

  close(): void {
    this.#connection.close()
  }
}

export const openCallers = (target: Target, count: number): Promise<ReadonlyArray<Caller>> =>
  Promise.all(Array.from({ length: count }, () => Caller.open(target)))

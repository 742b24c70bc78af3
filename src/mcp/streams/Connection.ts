/**
 * One HTTP response to an agent: a plain object over Node's, so that answering costs no fiber (BEHAVIOUR 1).
 *
 * Credentials never leave here: headers pass by `passedToAgent` alone.
 */
import type { ServerResponse } from "node:http"
import * as SseEvent from "../../domain/SseEvent.ts"
import { passedToAgent } from "./PassedHeaders.ts"

type Headers = Readonly<Record<string, string>>

/** How long a client should wait before it connects again, in milliseconds. */
export const reconnectAfter = 1000

const eventStreamHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  // Tells nginx and its like not to hold events back.
  "x-accel-buffering": "no"
}

/** Who answers on a connection. */
export interface Answering {
  /** The client has gone before the response was complete. */
  readonly gone: () => void
}

export class Connection {
  readonly #response: ServerResponse
  #answering: Answering | undefined
  #onDrain: Array<() => void> = []

  constructor(response: ServerResponse) {
    this.#response = response
    response.on("close", () => {
      this.#drained()
      const answering = this.#answering
      this.#answering = undefined
      if (!response.writableFinished) answering?.gone()
    })
    // A connection that breaks is nobody's failure, and its close is what counts.
    response.on("error", () => {})
  }

  /** Nothing more can be written. */
  get closed(): boolean {
    return this.#response.writableEnded || this.#response.destroyed
  }

  /**
   * One at a time. An object and no function: V8 kept each function that stood here, and by it all of its request, until
   * the next full collection, which was half of the cost of memory of a call.
   */
  set answering(answering: Answering) {
    this.#answering = answering
  }

  /** A whole response; `own` are headers that only Holdfast sends, such as its own challenge. */
  reply(status: number, text: string, headers: Headers = {}, own: Headers = {}): void {
    if (this.closed) return
    const bytes = encodedAscii("", text, "")
    if (bytes !== undefined) {
      this.#beginWhole(status, bytes.length, headers, own)
      this.#response.end(bytes)
      return
    }
    const length = Buffer.byteLength(text)
    this.#beginWhole(status, length, headers, own)
    this.#endWhole(text, length)
  }

  /** A stream of server-sent events that is this message alone, as a whole response. */
  replyEvent(data: string): void {
    if (this.closed) return
    const bytes = SseEvent.isOneLine(data) ? encodedAscii("data: ", data, "\n\n") : undefined
    if (bytes !== undefined) {
      this.#response.writeHead(200, { ...eventStreamHeaders, "content-length": bytes.length })
      this.#response.end(bytes)
      return
    }
    const text = SseEvent.encode({ event: undefined, id: undefined, data })
    const length = Buffer.byteLength(text)
    this.#response.writeHead(200, { ...eventStreamHeaders, "content-length": length })
    this.#endWhole(text, length)
  }

  /** ASCII, as most answers are, is written as it is, together with the head: a tenth less of a call's time. */
  #endWhole(text: string, length: number): void {
    this.#response.end(text, length === text.length ? "latin1" : "utf8")
  }

  /** `reply`, with a text that is encoded already, in pieces. */
  replyEncoded(status: number, pieces: ReadonlyArray<string | Uint8Array>, headers: Headers = {}): void {
    if (this.closed) return
    this.#beginWhole(status, pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0), headers, {})
    // So that all pieces leave in one write.
    this.#response.cork()
    for (const piece of pieces) this.#response.write(piece)
    this.#response.end()
  }

  #beginWhole(status: number, length: number, headers: Headers, own: Headers): void {
    const passed = passedToAgent(headers)
    passed["content-type"] ??= "application/json"
    passed["content-length"] = String(length)
    this.#response.writeHead(status, { ...passed, ...own })
  }

  replyEmpty(status: number): void {
    if (this.closed) return
    this.#response.writeHead(status, { "content-length": 0 })
    this.#response.end()
  }

  /** The head of a JSON response that follows in chunks, `length` bytes in all where that is known; leaves with the first. */
  beginJson(status: number, headers: Headers, length?: number): void {
    if (this.closed) return
    const named = { "content-type": "application/json", ...passedToAgent(headers) }
    this.#response.writeHead(status, length === undefined ? named : { ...named, "content-length": length })
  }

  /** The head of a stream of server-sent events; `first` leaves with it. */
  beginEvents(first = ""): void {
    if (this.closed) return
    this.#response.writeHead(200, eventStreamHeaders)
    if (first === "") this.#response.flushHeaders()
    else this.#response.write(first)
  }

  /** Whether the connection takes more at once; where not, `onDrain` says when it does. */
  write(chunk: string | Uint8Array): boolean {
    return this.closed || this.#response.write(chunk)
  }

  /** Calls `listener` once, when the connection takes more, or has closed. */
  onDrain(listener: () => void): void {
    this.#onDrain.push(listener)
    if (this.#onDrain.length === 1) this.#response.once("drain", () => this.#drained())
  }

  #drained(): void {
    const waiting = this.#onDrain
    this.#onDrain = []
    for (const listener of waiting) listener()
  }

  end(last?: string): void {
    if (!this.closed) this.#response.end(last)
  }

  /** Breaks it off, so that half an answer does not look like a whole one. */
  destroy(): void {
    this.#response.destroy()
  }
}

const encoder = new TextEncoder()

/** From here on bytes cost less than a string, which Node measures, joins with the head and copies: 64 KiB 12 µs and not 50. */
const minEncoded = 8 * 1024

/** A long text of ASCII with a few such characters around it, encoded; `undefined` where it is another. */
const encodedAscii = (before: string, text: string, after: string): Buffer | undefined => {
  if (text.length < minEncoded) return undefined
  const bytes = Buffer.allocUnsafeSlow(before.length + text.length + after.length)
  const end = before.length + text.length
  // Each character that is not ASCII takes more bytes than it has code units, and so the last ones find no place.
  if (encoder.encodeInto(text, bytes.subarray(before.length, end)).read < text.length) return undefined
  bytes.write(before, 0, "latin1")
  bytes.write(after, end, "latin1")
  return bytes
}

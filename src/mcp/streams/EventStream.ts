/**
 * Writes a log's events to a connection as they come, no further than the connection takes, and a comment after each
 * silent interval (BEHAVIOUR 1, 2). It costs neither a fiber nor a timer of its own.
 */
import * as SseEvent from "../../domain/SseEvent.ts"
import type { Deadline, Deadlines } from "../../supervision/Deadlines.ts"
import { type Connection, reconnectAfter } from "./Connection.ts"
import type { EventReader, LoggedEvent } from "./EventLog.ts"

const keepAlive = SseEvent.comment("keep-alive")

/** One write takes about so many characters: what arrived together leaves together, in a packet or so. */
const maxWrite = 16_384

const encode = ({ data, event, id }: LoggedEvent): string =>
  SseEvent.encode(data === "" ? { event, id, data, retry: reconnectAfter } : { event, id, data })

export interface EventStreamOptions {
  readonly connection: Connection
  readonly reader: EventReader
  readonly deadlines: Deadlines["Service"]
  /** Between comments, milliseconds. */
  readonly commentAfter: number
  /** Leaves with the head, ahead of all events. */
  readonly first?: string | undefined
  /** Whether events tell their ids, by which a client resumes; the modern era knows no resuming. */
  readonly resumable: boolean
  /** Called once, however the stream ends. */
  readonly onEnd: () => void
}

export class EventStream {
  readonly #options: EventStreamOptions
  readonly #comment: Deadline
  #full = false
  #ended = false
  #pumpIsDue = false

  constructor(options: EventStreamOptions) {
    this.#options = options
    this.#comment = options.deadlines.after(options.commentAfter, () => this.#keepAlive())
  }

  /** Begins the response and writes what is there already; a log that has ended ends it at once. */
  begin(): void {
    const { connection, first = "", reader } = this.#options
    connection.beginEvents(this.#available(first))
    reader.onArrival(this.#arrived)
  }

  /** What can be read at once behind `text`. */
  #available(text: string): string {
    let available = text
    while (available.length < maxWrite) {
      const event = this.#options.reader.take()
      if (typeof event === "string") return available
      available += this.#encode(event)
    }
    return available
  }

  #encode(event: LoggedEvent): string {
    return encode(this.#options.resumable ? event : { ...event, id: undefined })
  }

  /** Whoever appended may append more before it waits, so writing is left to the microtask that follows. */
  readonly #arrived = (): void => {
    if (this.#pumpIsDue) return
    this.#pumpIsDue = true
    queueMicrotask(this.#pump)
  }

  readonly #pump = (): void => {
    const { connection, reader } = this.#options
    this.#pumpIsDue = false
    while (!this.#ended && !this.#full) {
      const event = reader.take()
      if (event === "waiting") return reader.onArrival(this.#arrived)
      if (event === "ended") return this.close()
      this.#comment.restart()
      if (!connection.write(this.#available(this.#encode(event)))) this.#waitForDrain()
    }
  }

  #waitForDrain(): void {
    this.#full = true
    this.#options.connection.onDrain(() => {
      this.#full = false
      this.#pump()
    })
  }

  #keepAlive(): void {
    this.#comment.restart()
    if (!this.#full && !this.#options.connection.write(keepAlive)) this.#waitForDrain()
  }

  /** Ends the response, unless it has ended; what has arrived and then `last` go out before. */
  close(last?: string): void {
    if (this.#pumpIsDue) this.#pump()
    if (this.#ended) return
    this.#ended = true
    this.#comment.cancel()
    this.#options.reader.close()
    this.#options.connection.end(last)
    this.#options.onEnd()
  }
}

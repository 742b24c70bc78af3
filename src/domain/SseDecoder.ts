/**
 * Decodes a server-sent event stream as it arrives (HTML Living Standard, section 9.2), in bounded memory.
 *
 * The cuts between chunks make no difference. Beyond the standard, a block with an id or a delay but no data is an
 * event with empty data, since resuming needs both; a delay is limited to an
 * hour. A block that the stream's end cuts off is dropped.
 */
import { Result, Schema } from "effect"
import { delayMillis } from "./ForeignTime.ts"
import type { SseEvent } from "./SseEvent.ts"

export class SseEventTooLarge extends Schema.TaggedError<SseEventTooLarge>()("SseEventTooLarge", {
  limit: Schema.Number
}) {
  override get message(): string {
    return `an event of the stream is larger than ${this.limit} characters`
  }
}

/** An event may be as large as an answer that is read whole. */
const defaultLimit = 16 * 1024 * 1024
/** The memory of a line of data beside its text: lines without text have a limit too. */
const lineCost = 64

export class SseDecoder {
  private readonly limit: number
  private readonly utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
  private atStart = true
  /** The last chunk ended in CR: an LF at the start of the next belongs to it. */
  private afterCarriageReturn = false
  /** The line that has begun. */
  private line = ""
  private data: string | undefined
  private dataLines = 0
  private event: string | undefined
  private id: string | undefined
  private retry: number | undefined
  private overflow: SseEventTooLarge | undefined

  /** `limit` is in UTF-16 code units, for one event; each of its lines of data counts for 64 more. */
  constructor(limit: number = defaultLimit) {
    this.limit = limit
  }

  /**
   * Gives the events that this chunk completes. After an event that is too large this gives the events before it, and
   * each later call fails.
   */
  push(chunk: Uint8Array | string): Result.Result<ReadonlyArray<SseEvent>, SseEventTooLarge> {
    if (this.overflow !== undefined) return Result.fail(this.overflow)
    const events: Array<SseEvent> = []
    this.read(typeof chunk === "string" ? chunk : this.utf8.decode(chunk, { stream: true }), events)
    return this.overflow !== undefined && events.length === 0 ? Result.fail(this.overflow) : Result.succeed(events)
  }

  private read(text: string, events: Array<SseEvent>): void {
    if (text === "") return
    let at = this.atStart && text.charCodeAt(0) === 0xfeff ? 1 : 0
    this.atStart = false
    if (this.afterCarriageReturn && text.charCodeAt(at) === 0x0a) at++
    this.afterCarriageReturn = false
    let carriageReturn = text.indexOf("\r", at)
    while (at < text.length && this.overflow === undefined) {
      const lineFeed = text.indexOf("\n", at)
      if (carriageReturn !== -1 && carriageReturn < at) carriageReturn = text.indexOf("\r", at)
      const end = lineFeed === -1 || (carriageReturn !== -1 && carriageReturn < lineFeed) ? carriageReturn : lineFeed
      if (end === -1) {
        this.line += text.slice(at)
        this.bound()
        return
      }
      const line = this.line + text.slice(at, end)
      this.line = ""
      this.endLine(line, events)
      at = end + 1
      if (end === carriageReturn) {
        if (at === text.length) this.afterCarriageReturn = true
        else if (text.charCodeAt(at) === 0x0a) at++
      }
    }
  }

  private bound(): void {
    if (this.line.length + (this.data?.length ?? 0) + this.dataLines * lineCost <= this.limit) return
    this.overflow = new SseEventTooLarge({ limit: this.limit })
    this.line = ""
    this.data = undefined
  }

  private endLine(line: string, events: Array<SseEvent>): void {
    if (line === "") return this.dispatch(events)
    const colon = line.indexOf(":")
    if (colon === 0) return
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? "" : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1)
    switch (field) {
      case "data":
        if (this.data !== undefined) this.dataLines++
        this.data = this.data === undefined ? value : `${this.data}\n${value}`
        return this.bound()
      case "event":
        this.event = value
        return
      case "id":
        if (!value.includes("\0")) this.id = value
        return
      case "retry":
        if (/^[0-9]+$/.test(value)) this.retry = delayMillis(value)
    }
  }

  private dispatch(events: Array<SseEvent>): void {
    if (this.data !== undefined || this.id !== undefined || this.retry !== undefined) {
      events.push({
        event: this.event === "" ? undefined : this.event,
        id: this.id,
        data: this.data ?? "",
        ...(this.retry === undefined ? {} : { retry: this.retry })
      })
    }
    this.data = undefined
    this.dataLines = 0
    this.event = undefined
    this.id = undefined
    this.retry = undefined
  }
}

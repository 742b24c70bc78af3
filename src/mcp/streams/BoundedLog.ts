/** An event log whose memory a budget bounds. */
import { Effect, Option } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import * as EventId from "./EventId.ts"
import type { EventLog, EventReader, LoggedEvent } from "./EventLog.ts"
import type { Member, ReplayBudget } from "./ReplayBudget.ts"
import { ReplayBuffer } from "./ReplayBuffer.ts"

/** The type of the event that stands for events that are no longer kept; its data is `{"from":…,"to":…}`, inclusive. */
export const gapEvent = "holdfast-gap"

const stalledAfter = "30 seconds"

export interface BoundedLogOptions {
  readonly id: string
  readonly session: SessionId
  readonly requestId: string | undefined
  readonly budget: ReplayBudget
  readonly bound: number
  readonly shared: boolean
  readonly onReadToEnd: (() => void) | undefined
  /** It has ended and all of it had to give way. */
  readonly onGone: () => void
}

export class BoundedLog implements EventLog, Member {
  readonly id: string
  readonly session: SessionId
  readonly buffer = new ReplayBuffer()
  read = 0
  readonly #eventId: (sequence: number) => string
  readonly #budget: ReplayBudget
  readonly #bound: number
  readonly #shared: boolean
  readonly #onReadToEnd: (() => void) | undefined
  readonly #onGone: () => void
  /** In the order in which they came. */
  readonly #readers = new Set<object>()
  /** The one whose turn it is; none where all have theirs. */
  #newest: object | undefined
  #ended = false
  #pauses = 0
  #stalled = false
  /** Fibers that wait for an event, and those that wait for one to be read. */
  #onAppend: Array<() => void> = []
  #onRead: Array<() => void> = []

  constructor({ bound, budget, id, onGone, onReadToEnd, requestId, session, shared }: BoundedLogOptions) {
    this.id = id
    this.session = session
    this.#eventId = EventId.ofStream(id, requestId)
    this.#budget = budget
    this.#bound = bound
    this.#shared = shared
    this.#onReadToEnd = onReadToEnd
    this.#onGone = onGone
  }

  get last(): number {
    return this.buffer.last
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  get attended(): boolean {
    return this.#readers.size > 0
  }

  gaveWay(): void {
    if (this.#ended) this.#onGone()
  }

  append(data: string, supersedes?: string): void {
    if (this.#ended) return
    this.#budget.add(this, data, supersedes)
    this.#wakeReaders()
  }

  end(): void {
    this.#ended = true
    this.#wakeReaders()
    this.#wakeProducers()
    // Nothing of it is left to be read.
    if (this.buffer.bytes === 0) this.#onGone()
  }

  pause(): void {
    this.#pauses++
    this.#wakeReaders()
  }

  room(length: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.hasRoom(length)) return Effect.void
      return Effect.timeoutOrElse(this.#reading(length), {
        duration: stalledAfter,
        orElse: () =>
          Effect.sync(() => {
            this.#stalled = true
          })
      })
    })
  }

  reader(after: number): EventReader {
    const token = {}
    this.#readers.add(token)
    if (!this.#shared) this.#newest = token
    const replayed = this.buffer.last
    let position = Math.min(after, replayed)

    const pauses = this.#pauses
    let overtaken = false
    let closed = false
    const isNext = () => {
      if (this.#newest !== undefined && this.#newest !== token) overtaken = true
      // What the one that came between was given is not said again.
      else if (overtaken) [overtaken, position] = [false, Math.max(position, this.read)]
      return !overtaken
    }
    const isThere = () => position < this.buffer.lostThrough || this.buffer.after(position, replayed) !== undefined

    const take = (): LoggedEvent | "waiting" | "ended" => {
      if (!isNext() || !isThere()) return this.#ended || this.#pauses !== pauses ? "ended" : "waiting"
      if (position < this.buffer.lostThrough) {
        const gap = JSON.stringify({ from: position + 1, to: this.buffer.lostThrough })
        position = this.buffer.lostThrough
        return this.#event(position, gap, gapEvent)
      }
      const kept = this.buffer.after(position, replayed)
      if (kept === undefined) return "ended"
      position = kept.sequence
      this.#read(position)
      if (this.#ended && position === this.buffer.last) this.#onReadToEnd?.()
      return this.#event(position, kept.data, undefined)
    }

    const mustWait = () => !((isNext() && isThere()) || this.#ended || this.#pauses !== pauses)

    const onArrival = (listener: () => void): void => {
      if (closed) return
      if (!mustWait()) return listener()
      this.#onAppend.push(() => onArrival(listener))
    }

    const next: Effect.Effect<Option.Option<LoggedEvent>> = Effect.suspend(() => {
      const event = take()
      if (event === "ended") return Effect.succeedNone
      if (event !== "waiting") return Effect.succeed(Option.some(event))
      return Effect.callback<Option.Option<LoggedEvent>>((resume) => subscribe(this.#onAppend, () => resume(next)))
    })

    return {
      take,
      onArrival,
      next,
      close: () => {
        closed = true
        this.#readers.delete(token)
        if (this.#newest === token) this.#newest = [...this.#readers].at(-1)
        this.#wakeReaders()
        this.#wakeProducers()
      }
    }
  }

  #event(sequence: number, data: string, event: string | undefined): LoggedEvent {
    return { id: this.#eventId(sequence), sequence, data, event }
  }

  #read(position: number): void {
    this.read = Math.max(this.read, position)
    this.#stalled = false
    this.#wakeProducers()
  }

  // What wakes runs at once and may wait again, so the list is put aside first.
  #wakeReaders(): void {
    const waiting = this.#onAppend
    this.#onAppend = []
    for (const resume of waiting) resume()
  }

  #wakeProducers(): void {
    const waiting = this.#onRead
    this.#onRead = []
    for (const resume of waiting) resume()
  }

  hasRoom(length: number): boolean {
    if (!this.attended || this.#stalled || this.#ended || this.read === this.buffer.last) return true
    return this.buffer.bytesAfter(this.read) + length <= this.#bound
  }

  #reading(length: number): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.hasRoom(length)
        ? Effect.void
        : Effect.callback<void>((resume) => subscribe(this.#onRead, () => resume(this.#reading(length))))
    )
  }
}

/** The finalizer of a wait that is given up. */
const subscribe = (waiting: Array<() => void>, resume: () => void): Effect.Effect<void> => {
  waiting.push(resume)
  return Effect.sync(() => {
    const index = waiting.indexOf(resume)
    if (index !== -1) waiting.splice(index, 1)
  })
}

/**
 * Calls back when time is up: one supervised fiber for everything that waits beside a call, in the place of a fiber or
 * a timer for each (the switch to a stream after 10 s, comments, the watch over silence).
 *
 * Deadlines of equal length fall due in the order in which they were started, so starting, restarting and cancelling
 * one costs the same however many there are. Time is Effect's `Clock`, so `TestClock` drives it.
 */
import { Clock, Context, Effect, Latch, Layer } from "effect"
import { Supervisor } from "./Supervisor.ts"

/** Its methods are called on it, and not passed on alone: each deadline would hold two functions of its own for that. */
export interface Deadline {
  /** Counts its whole length from now on, also where it has fallen due or was cancelled. */
  readonly restart: () => void
  readonly cancel: () => void
}

class Running implements Deadline {
  readonly #schedule: Schedule
  readonly millis: number
  readonly onDue: () => void
  dueAt = 0
  /** Its neighbours in the queue. What has left keeps none: an old deadline would hold younger ones, and all they know. */
  before: Running | undefined
  after: Running | undefined
  #queue: Queue | undefined

  constructor(schedule: Schedule, millis: number, onDue: () => void) {
    this.#schedule = schedule
    this.millis = millis
    this.onDue = onDue
  }

  restart(): void {
    this.cancel()
    this.#queue = this.#schedule.queueUp(this)
    // Behind that: who wakes may find it due at once, and has to take it out.
    this.#schedule.wake(this)
  }

  cancel(): void {
    this.#queue?.remove(this)
    this.#queue = undefined
  }
}

interface Schedule {
  readonly queueUp: (deadline: Running) => Queue
  readonly wake: (deadline: Running) => void
}

/** Deadlines of one length, in the order in which they fall due. */
class Queue {
  first: Running | undefined
  #last: Running | undefined

  add(deadline: Running): void {
    deadline.before = this.#last
    if (this.#last === undefined) this.first = deadline
    else this.#last.after = deadline
    this.#last = deadline
  }

  remove(deadline: Running): void {
    const { after, before } = deadline
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    deadline.before = undefined
    deadline.after = undefined
  }
}

export class Deadlines extends Context.Service<Deadlines, {
  /** Calls `onDue` once, `millis` from now. It must neither block nor throw; what takes time, it forks. */
  readonly after: (millis: number, onDue: () => void) => Deadline
}>()("holdfast/supervision/Deadlines") {
  static readonly layer = Layer.effect(
    Deadlines,
    Effect.gen(function*() {
      const { supervise } = yield* Supervisor
      const clock = yield* Clock.Clock
      /** By length in milliseconds. */
      const queues = new Map<number, Queue>()
      const sooner = Latch.makeUnsafe(false)
      let wakesAt = Infinity

      const now = () => Math.floor(clock.currentTimeMillisUnsafe())

      const firstDueAt = () => {
        let first = Infinity
        for (const queue of queues.values()) first = Math.min(first, queue.first?.dueAt ?? Infinity)
        return first
      }

      const callDue = (at: number) => {
        for (const [length, queue] of queues) {
          for (let deadline = queue.first; deadline !== undefined && deadline.dueAt <= at; deadline = queue.first) {
            deadline.cancel()
            deadline.onDue()
          }
          if (queue.first === undefined) queues.delete(length)
        }
      }

      const tick = Effect.gen(function*() {
        sooner.closeUnsafe()
        wakesAt = firstDueAt()
        yield* wakesAt === Infinity
          ? sooner.await
          : Effect.timeoutOption(sooner.await, Math.max(0, wakesAt - now()))
        callDue(now())
      })
      yield* supervise("deadlines")(Effect.forever(tick))

      const queueOf = (length: number): Queue => {
        const known = queues.get(length)
        if (known !== undefined) return known
        const queue = new Queue()
        queues.set(length, queue)
        return queue
      }

      const schedule: Schedule = {
        queueUp: (deadline) => {
          const queue = queueOf(deadline.millis)
          deadline.dueAt = now() + deadline.millis
          queue.add(deadline)
          return queue
        },
        wake: ({ dueAt }) => {
          if (dueAt < wakesAt) sooner.openUnsafe()
        }
      }

      const after = (millis: number, onDue: () => void): Deadline => {
        const deadline = new Running(schedule, millis, onDue)
        deadline.restart()
        return deadline
      }

      return Deadlines.of({ after })
    })
  )
}

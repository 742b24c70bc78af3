/**
 * Calls back when time is up: one supervised fiber for everything that waits beside a call, in the place of a fiber or
 * a timer for each (the switch to a stream after 10 s, comments, the watch over silence).
 *
 * Deadlines of equal length fall due in the order in which they were started, so starting, restarting and cancelling
 * one costs the same however many there are. Time is Effect's `Clock`, so `TestClock` drives it.
 */
import { Clock, Context, Effect, Latch, Layer } from "effect"
import { Supervisor } from "./Supervisor.ts"

export interface Deadline {
  /** Counts its whole length from now on, also where it has fallen due or was cancelled. */
  readonly restart: () => void
  readonly cancel: () => void
}

interface Running extends Deadline {
  dueAt: number
  readonly onDue: () => void
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
      /** By length in milliseconds; each set is in the order in which its deadlines fall due. */
      const running = new Map<number, Set<Running>>()
      const sooner = Latch.makeUnsafe(false)
      let wakesAt = Infinity

      const now = () => Math.floor(clock.currentTimeMillisUnsafe())

      const firstDueAt = () => {
        let first = Infinity
        for (const ofLength of running.values()) {
          for (const { dueAt } of ofLength) {
            first = Math.min(first, dueAt)
            break
          }
        }
        return first
      }

      const callDue = (at: number) => {
        for (const [length, ofLength] of running) {
          for (const deadline of ofLength) {
            if (deadline.dueAt > at) break
            ofLength.delete(deadline)
            deadline.onDue()
          }
          if (ofLength.size === 0) running.delete(length)
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

      const after = (millis: number, onDue: () => void): Deadline => {
        const deadline: Running = {
          dueAt: 0,
          onDue,
          cancel: () => {
            running.get(millis)?.delete(deadline)
          },
          restart: () => {
            const ofLength = running.get(millis) ?? new Set()
            running.set(millis, ofLength)
            ofLength.delete(deadline)
            ofLength.add(deadline)
            deadline.dueAt = now() + millis
            if (deadline.dueAt < wakesAt) sooner.openUnsafe()
          }
        }
        deadline.restart()
        return deadline
      }

      return Deadlines.of({ after })
    })
  )
}

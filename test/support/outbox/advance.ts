/** Time for a test, and what happens without it. */
import { type Duration, Effect, Layer, Scheduler } from "effect"
import { TestClock } from "effect/testing"

/** Counts the turns that fibers have yet to take. */
class CountedScheduler implements Scheduler.Scheduler {
  readonly #own: Scheduler.Scheduler
  readonly executionMode: Scheduler.Scheduler["executionMode"]
  readonly shouldYield: Scheduler.Scheduler["shouldYield"]
  turns = 0

  constructor(own: Scheduler.Scheduler) {
    this.#own = own
    this.executionMode = own.executionMode
    this.shouldYield = (fiber) => own.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const dispatcher = this.#own.makeDispatcher()
    return {
      scheduleTask: (task, priority) => {
        this.turns++
        dispatcher.scheduleTask(() => {
          this.turns--
          task()
        }, priority)
      },
      flush: () => dispatcher.flush()
    }
  }
}

/** What `idle` needs, in the test's own fiber and below all that it tests. */
export const countedTurns = Layer.effect(
  Scheduler.Scheduler,
  Effect.map(Scheduler.Scheduler, (own) => new CountedScheduler(own))
)

/** Everything that needs no time has happened: no fiber has a turn to take, each waits for another or for time. */
export const idle = Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler
  if (!(scheduler instanceof CountedScheduler)) return yield* Effect.die(new Error("countedTurns is not provided"))
  do yield* Effect.yieldNow
  while (scheduler.turns > 0)
})

/** What is under way happens first, then time passes. */
export const advance = (duration: Duration.Input) => Effect.andThen(idle, TestClock.adjust(duration))

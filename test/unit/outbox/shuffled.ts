/** Which fiber goes on first where several could is chance, from a seed; so is where one gives way to the others. */
import { Effect, Scheduler } from "effect"
import { Dice } from "../../support/Dice.ts"

class Shuffling implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly #dice: Dice

  constructor(seed: string) {
    this.#dice = new Dice(seed)
  }

  shouldYield(): boolean {
    return this.#dice.chance(0.02)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const dice = this.#dice
    let tasks: Array<() => void> = []
    let scheduled = false
    const run = () => {
      scheduled = false
      const now = tasks
      tasks = []
      while (now.length > 0) {
        const [task] = now.splice(dice.between(0, now.length - 1), 1)
        // Now, or with those of the next turn.
        if (dice.chance(0.7)) task?.()
        else if (task !== undefined) dispatcher.scheduleTask(task)
      }
    }
    const dispatcher = {
      scheduleTask: (task: () => void) => {
        tasks.push(task)
        if (scheduled) return
        scheduled = true
        setImmediate(run)
      },
      flush: () => {
        while (tasks.length > 0) run()
      }
    }
    return dispatcher
  }
}

export const shuffled = (seed: string) => <A, Err, R>(effect: Effect.Effect<A, Err, R>) =>
  Effect.provideService(effect, Scheduler.Scheduler, new Shuffling(seed))

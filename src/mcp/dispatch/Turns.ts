/**
 * How many requests of one agent run at once: what comes beyond waits for its turn, in order, so that an agent that asks
 * for everything at once costs the others nothing.
 */
import { Effect } from "effect"
import type { AgentName } from "../../domain/Ids.ts"

export const maxAtOnce = 64

interface OfAgent {
  running: number
  readonly waiting: Set<() => void>
}

export class Turns {
  readonly #agents = new Map<AgentName, OfAgent>()

  /** Runs when it is its turn, and gives the turn on however it ends, also where it is interrupted while it waits. */
  take<A, E, R>(agent: AgentName, run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const own = this.#agents.get(agent) ?? { running: 0, waiting: new Set() }
      this.#agents.set(agent, own)
      if (own.running < maxAtOnce) {
        own.running++
        return Effect.onExit(run, () => Effect.sync(() => this.#next(agent, own)))
      }
      let begin = () => {}
      const turn = Effect.callback<void>((resume) => {
        begin = () => resume(Effect.void)
        own.waiting.add(begin)
      })
      // Who is still waiting when it ends has no turn to give on.
      return Effect.onExit(
        Effect.andThen(turn, run),
        () => Effect.sync(() => own.waiting.delete(begin) || this.#next(agent, own))
      )
    })
  }

  #next(agent: AgentName, own: OfAgent): void {
    for (const begin of own.waiting) {
      own.waiting.delete(begin)
      return begin()
    }
    own.running--
    if (own.running === 0) this.#agents.delete(agent)
  }
}

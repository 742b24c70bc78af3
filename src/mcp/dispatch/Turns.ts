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

  /** Runs when it is its turn. Costs nothing beside `run` where that is at once. */
  take<A, E, R>(agent: AgentName, run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const own = this.#agents.get(agent) ?? { running: 0, waiting: new Set() }
      this.#agents.set(agent, own)
      const turn = Effect.onExit(run, () => Effect.sync(() => this.#next(agent, own)))
      if (own.running < maxAtOnce) {
        own.running++
        return turn
      }
      return Effect.andThen(
        Effect.callback<void>((resume) => {
          const begin = () => resume(Effect.void)
          own.waiting.add(begin)
          return Effect.sync(() => {
            // One whose turn had come as it was interrupted passes it on.
            if (!own.waiting.delete(begin)) this.#next(agent, own)
          })
        }),
        turn
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

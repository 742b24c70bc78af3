/** What a client was told without having asked. */
import { Effect } from "effect"

export class Heard {
  listChanged = 0
  readonly logged: Array<unknown> = []
  readonly #watchers = new Set<() => void>()

  changed(): void {
    this.listChanged++
    for (const look of this.#watchers) look()
  }

  readonly awaitListChanged = (count = 1): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const look = () => {
        if (this.listChanged >= count) resume(Effect.void)
      }
      this.#watchers.add(look)
      look()
      return Effect.sync(() => this.#watchers.delete(look))
    })
}

/** Whether the daemon has started wholly: `/readyz` says so no earlier than its files are there. */
import { Context, Effect, Layer } from "effect"

export class Started extends Context.Service<Started, {
  readonly get: Effect.Effect<boolean>
  readonly set: Effect.Effect<void>
}>()("holdfast/Started") {
  static readonly layer = Layer.sync(Started, () => {
    let started = false
    return {
      get: Effect.sync(() => started),
      set: Effect.sync(() => {
        started = true
      })
    }
  })
}

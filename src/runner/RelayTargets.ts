/** Which relays there are: those of the start, until the configuration is read anew. */
import { Context, Effect, Layer, Ref } from "effect"
import * as RelayReload from "../admin/RelayReload.ts"
import { RelayTarget } from "../config/Settings.ts"
import { RelayId } from "../domain/Ids.ts"

/** The relays that are served from the start. */
export class RelayTargets extends Context.Service<RelayTargets, ReadonlyArray<RelayTarget["Service"]>>()(
  "holdfast/RelayTargets"
) {}

/** Where they are read anew from while the daemon runs. */
export const RelaySource = Context.Reference<RelayReload.Reloading["reread"]>("holdfast/RelaySource", {
  defaultValue: () => Effect.fail({ message: "the program that Holdfast is embedded in has named them" })
})

/** Those of the start, until the configuration's are read anew. */
export class PresentTargets extends Context.Service<PresentTargets, Ref.Ref<ReadonlyArray<RelayTarget["Service"]>>>()(
  "holdfast/PresentTargets"
) {
  static readonly layer = Layer.effect(PresentTargets, Effect.flatMap(RelayTargets, (targets) => Ref.make(targets)))
}

export const target = (id: RelayId) =>
  Layer.effect(
    RelayTarget,
    Effect.gen(function*() {
      const targets = yield* Ref.get(yield* PresentTargets)
      return yield* Effect.orDie(Effect.fromNullishOr(targets.find((candidate) => candidate.id === id)))
    })
  )

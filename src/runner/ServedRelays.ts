/** The relays that are served at this moment. */
import { Context, Effect, Layer } from "effect"
import { RelayId } from "../domain/Ids.ts"
import * as ScopedMap from "../supervision/ScopedMap.ts"
import { type RelayLayer, Relays, type RelayServices } from "./Relays.ts"
import { RelayTargets } from "./RelayTargets.ts"

/** Every relay's services, built side by side; they come and go with the configuration. */
export class ServedRelays
  extends Context.Service<ServedRelays, ScopedMap.ScopedMap<RelayId, RelayServices, Layer.Error<RelayLayer>>>()(
    "holdfast/ServedRelays"
  )
{
  static readonly layer = Layer.effect(
    ServedRelays,
    Effect.gen(function*() {
      // Let go of by the map at once, so that what goes, or could not come, is built anew when it comes again.
      const served = yield* ScopedMap.make((id: RelayId) =>
        Effect.andThen(
          Effect.addFinalizer(() => Relays.invalidate(id)),
          Relays.contextEffect(id)
        )
      )
      yield* served.add((yield* RelayTargets).map(({ id }) => id))
      return served
    })
  )
}

/** What comes piece by piece, as a test reads and makes it: one effect for each piece. */
import { Effect, Option } from "effect"
import type { RelayFailure } from "../../src/relay/RelayFailure.ts"
import type { Incoming, IncomingBytes } from "../../src/relay/transport/Incoming.ts"

/** The next item, `None` at the end. */
export const next = <A>(incoming: Incoming<A>): Effect.Effect<Option.Option<A>, RelayFailure> =>
  incoming.until((item) => Effect.succeedSome(item))

/** Asks `pull` for each piece in turn. */
export const pulledFrom = (pull: Effect.Effect<Option.Option<Uint8Array>, RelayFailure>): IncomingBytes => {
  const until: IncomingBytes["until"] = (onItem) =>
    Effect.flatMap(pull, (item) => Option.isNone(item) ? Effect.succeedNone : onItem(item.value) ?? until(onItem))
  return { hasArrived: false, until }
}

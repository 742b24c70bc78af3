/**
 * What we know of a relay: Up, or Down since when, how often tried, when next, and why (BEHAVIOUR 4).
 *
 * Owns the probes and their backoff; nobody else repeats anything on a timer because the relay is away.
 */
import { Context, Data, type Effect, type Stream } from "effect"
import type { RelayFailure } from "./RelayFailure.ts"

/** Times are milliseconds since the epoch, whole. */
export type LinkState = Data.TaggedEnum<{
  Up: { readonly since: number }
  Down: { readonly since: number; readonly attempts: number; readonly nextProbeAt: number; readonly why: string }
}>
export const LinkState = Data.taggedEnum<LinkState>()

export class RelayLink extends Context.Service<RelayLink, {
  readonly state: Effect.Effect<LinkState>
  /** The present state first, then each change. */
  readonly changes: Stream.Stream<LinkState>
  /**
   * At once while Up. While Down (or while a failure is being looked into) it waits: 5 s where the outage was less than
   * 5 s old on arrival, else 2 s, with a probe a second meanwhile; then fails with `LinkDown`.
   */
  readonly awaitUp: Effect.Effect<void, RelayFailure>
  /**
   * Tell of a Down-class failure. A connect failure takes the link Down at once; any other asks for two probes, and the
   * answer says whose failure it was. Concurrent reports share one pair of probes. `since` is when the outage may have
   * begun: the failure, or the last byte before a hang.
   */
  readonly report: (failure: RelayFailure, since: number) => Effect.Effect<"link down" | "the call's own">
  /** A real answer came: Up, and the backoff starts afresh. Costs nothing while Up. */
  readonly answered: Effect.Effect<void>
  /** Probe once beside a call that is silent, 5 s at most; shared by all who ask at the same time. */
  readonly probe: Effect.Effect<boolean>
}>()("holdfast/relay/RelayLink") {}

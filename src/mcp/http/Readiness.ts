/** Whether the daemon serves, and what it has to do without: what `/readyz` says (BEHAVIOUR 11). */
import { Context, Effect } from "effect"

export interface ReadinessState {
  /** Degraded is still ready: a relay that is down is what Holdfast is for. */
  readonly ready: boolean
  /** In words, each with what it concerns: `relay default is down`. */
  readonly degraded: ReadonlyArray<string>
}

export const Readiness = Context.Reference<Effect.Effect<ReadinessState>>("holdfast/mcp/Readiness", {
  defaultValue: () => Effect.succeed({ ready: true, degraded: [] })
})

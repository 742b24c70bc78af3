/**
 * Whether the daemon serves, and what it has to do without: what `/readyz` says (BEHAVIOUR 11).
 *
 * Ready once the whole daemon has started, its files included. Degraded where a relay is down or rejects a token, where a
 * token's source fails, or where the disk cannot be written to; degraded is still ready, since a relay that is down is
 * what Holdfast is for.
 */
import { Context, Effect, Layer, Option } from "effect"
import { Agents } from "../../agents/Agents.ts"
import { RelayRegistry } from "../RelayRegistry.ts"

export interface ReadinessState {
  readonly ready: boolean
  /** In words, each with what it concerns: `relay default is down`. */
  readonly degraded: ReadonlyArray<string>
}

export class Readiness extends Context.Service<Readiness, {
  readonly state: Effect.Effect<ReadinessState>
  /** The runner calls it last. */
  readonly started: Effect.Effect<void>
}>()("holdfast/mcp/Readiness") {
  static readonly layerNoDeps = Layer.effect(
    Readiness,
    Effect.gen(function*() {
      const registry = yield* RelayRegistry
      const agents = yield* Agents
      let ready = false

      const state = Effect.gen(function*() {
        const degraded: Array<string> = []
        for (const relay of yield* registry.list) {
          const link = yield* relay.link.state
          if (link._tag === "Down") degraded.push(`relay ${relay.id} is down: ${link.why}`)
          for (const agent of yield* agents.list) {
            const { lastError, state } = yield* relay.token.status(agent)
            if (state !== "rejected") continue
            // Without the source's own words: everybody on this machine can read this.
            const who = Option.exists(lastError, ({ code }) => code === "refused") ? `relay ${relay.id}` : "its source"
            degraded.push(`the token of agent ${agent} at relay ${relay.id} is rejected by ${who}`)
          }
          if (!(yield* relay.outbox.stats).writable) {
            degraded.push(`the outbox of relay ${relay.id} cannot write to disk`)
          }
        }
        return { ready, degraded }
      })

      return Readiness.of({
        state,
        started: Effect.sync(() => {
          ready = true
        })
      })
    })
  )
}

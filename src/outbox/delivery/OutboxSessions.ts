/** The relay sessions that the outbox owns: one for each agent, without client capabilities, kept while it is of use. */
import { Context, Effect, Layer, RcMap, type Scope } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import { defaultVersion } from "../../domain/ProtocolVersion.ts"
import { version } from "../../domain/Version.ts"
import { type RelaySession, RelaySessions, type SessionSeed } from "../../relay/session/RelaySession.ts"

const seed: SessionSeed = {
  initialize: JSON.stringify({
    jsonrpc: "2.0",
    id: "holdfast-outbox",
    method: "initialize",
    params: {
      protocolVersion: defaultVersion,
      capabilities: {},
      clientInfo: { name: "holdfast", title: "Holdfast outbox", version }
    }
  }),
  replay: []
}

export class OutboxSessions extends Context.Service<OutboxSessions, {
  /** In use until the scope closes. */
  readonly get: (agent: AgentName) => Effect.Effect<RelaySession, never, Scope.Scope>
}>()("holdfast/outbox/OutboxSessions") {
  static readonly layerNoDeps = Layer.effect(
    OutboxSessions,
    Effect.gen(function*() {
      const sessions = yield* RelaySessions
      const map = yield* RcMap.make({
        lookup: (agent: AgentName) => sessions.make({ agent, seed: Effect.succeed(seed) }),
        idleTimeToLive: "5 minutes"
      })
      return OutboxSessions.of({ get: (agent) => RcMap.get(map, agent) })
    })
  )
}

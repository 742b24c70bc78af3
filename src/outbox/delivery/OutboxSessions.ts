/**
 * The relay sessions that the outbox owns: one for each agent and era, without client capabilities, kept while it is of
 * use. A relay that serves both eras gets each call as its live attempt would have been, byte for byte.
 */
import { Context, Effect, Layer, RcMap, type Scope } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import { defaultVersion, type Era } from "../../domain/ProtocolVersion.ts"
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
  /** In use until the scope closes; `era` is the calling agent's. */
  readonly get: (agent: AgentName, era: Era) => Effect.Effect<RelaySession, never, Scope.Scope>
}>()("holdfast/outbox/OutboxSessions") {
  static readonly layerNoDeps = Layer.effect(
    OutboxSessions,
    Effect.gen(function*() {
      const sessions = yield* RelaySessions
      const inEra = (era: Era) =>
        RcMap.make({
          lookup: (agent: AgentName) => sessions.make({ agent, era, seed: Effect.succeed(seed) }),
          idleTimeToLive: "5 minutes"
        })
      const maps = { legacy: yield* inEra("legacy"), modern: yield* inEra("modern") }
      return OutboxSessions.of({ get: (agent, era) => RcMap.get(maps[era], agent) })
    })
  )
}

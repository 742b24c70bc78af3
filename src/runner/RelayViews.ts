/** What the shared parts see of the relays: where messages go, what operators ask, whether we are ready. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { type RelayAdmin, RelayAdmins } from "../admin/RelayAdmins.ts"
import { Agents } from "../agents/Agents.ts"
import { RelayTarget } from "../config/Settings.ts"
import { RelayId } from "../domain/Ids.ts"
import { Gateway, Gateways } from "../mcp/Gateway.ts"
import { Readiness, type ReadinessState } from "../mcp/http/Readiness.ts"
import { FreshList } from "../mcp/menu/FreshList.ts"
import { AgentSessions } from "../mcp/sessions/AgentSessions.ts"
import { CachedLists } from "../menu/CachedLists.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { RelayLink } from "../relay/link/RelayLink.ts"
import { LiveToken } from "../token/LiveToken.ts"
import type { RelayServices } from "./Relays.ts"
import { ServedRelays } from "./ServedRelays.ts"
import { Started } from "./Started.ts"

const isRelayId = Schema.is(RelayId)

export const gateways = Layer.effect(
  Gateways,
  Effect.map(ServedRelays, ({ get }) =>
    Gateways.of({
      find: (name) => {
        const relay = isRelayId(name) ? get(name) : undefined
        return relay && Context.get(relay, Gateway)
      }
    }))
)

const relayAdmin = (relay: RelayServices): RelayAdmin => {
  const sessions = Context.get(relay, AgentSessions)
  return {
    id: Context.get(relay, RelayTarget).id,
    url: Context.get(relay, RelayTarget).url,
    link: Context.get(relay, RelayLink),
    token: Context.get(relay, LiveToken),
    prove: (agent) => Effect.asVoid(Effect.timeoutOption(Context.get(relay, FreshList).prove([agent]), "5 seconds")),
    outbox: Context.get(relay, Outbox),
    cachedLists: Context.get(relay, CachedLists),
    sessions: {
      totals: Effect.all({
        count: sessions.count,
        streams: Effect.map(sessions.loaded, (loaded) => loaded.filter(({ readers }) => readers > 0).length)
      }),
      countOf: sessions.countOf,
      endAll: sessions.endAll
    }
  }
}

export const relayAdmins = Layer.effect(
  RelayAdmins,
  Effect.map(ServedRelays, ({ list }) => RelayAdmins.of({ list: Effect.map(list, (all) => all.map(relayAdmin)) }))
)

/** Ready once it has started wholly; degraded where a relay is away or refuses a token, a source refuses, or the disk fails. */
const look = Effect.fnUntraced(function*(
  { list }: RelayAdmins["Service"],
  agents: Agents["Service"],
  started: Started["Service"]
): Effect.fn.Return<ReadinessState> {
  const degraded: Array<string> = []
  for (const relay of yield* list) {
    const link = yield* relay.link.state
    if (link._tag === "Down") degraded.push(`relay ${relay.id} is down: ${link.why}`)
    for (const agent of yield* agents.list) {
      const { lastError, state } = yield* relay.token.status(agent)
      if (state !== "rejected") continue
      // Without the source's own words: this is told to everybody on this machine.
      const who = Option.exists(lastError, ({ code }) => code === "refused") ? `relay ${relay.id}` : "its source"
      degraded.push(`the token of agent ${agent} at relay ${relay.id} is rejected by ${who}`)
    }
    if (!(yield* relay.outbox.stats).writable) degraded.push(`the outbox of relay ${relay.id} cannot write to disk`)
  }
  return { ready: yield* started.get, degraded }
})

export const readiness = Layer.effect(
  Readiness,
  Effect.gen(function*() {
    return look(yield* RelayAdmins, yield* Agents, yield* Started)
  })
)

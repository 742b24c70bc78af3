/** One relay of the registry: what a test scripts of it; the rest fails the test where it is used. */
import { Context, Effect, Layer, Option } from "effect"
import { defaultRelay } from "../../src/domain/Ids.ts"
import type { Relay } from "../../src/mcp/RelayRegistry.ts"
import { AgentSessions } from "../../src/mcp/sessions/AgentSessions.ts"
import { CachedLists } from "../../src/menu/CachedLists.ts"
import { ToolPins } from "../../src/menu/ToolPins.ts"
import { Outbox } from "../../src/outbox/Outbox.ts"
import { RelayLink } from "../../src/relay/link/RelayLink.ts"
import { Results } from "../../src/results/Results.ts"
import { LiveToken } from "../../src/token/LiveToken.ts"

const unscripted = (): never => {
  throw new Error("no test has scripted this")
}

const noPins = {
  pinned: false,
  holdOf: () => Option.none(),
  approval: unscripted,
  definitionsIn: unscripted,
  lastApproved: unscripted,
  heldIn: unscripted,
  count: unscripted
}

export interface Script {
  readonly id?: Relay["id"]
  readonly url?: URL
  readonly gateway?: Relay["gateway"]
  readonly sessions?: Partial<Relay["sessions"]>
  readonly cachedLists?: Partial<Relay["cachedLists"]>
  readonly pins?: Partial<Relay["pins"]>
  readonly outbox?: Partial<Relay["outbox"]>
  readonly results?: Partial<Relay["results"]>
  readonly link?: Partial<Relay["link"]>
  readonly token?: Partial<Relay["token"]>
}

export const scriptedRelay = Effect.fnUntraced(function*(
  {
    id = defaultRelay,
    url = new URL("http://relay.test/mcp"),
    gateway = { post: unscripted, openStream: unscripted, end: unscripted },
    ...script
  }: Script
) {
  const services = yield* Layer.build(Layer.mergeAll(
    Layer.mock(AgentSessions, { findLoaded: unscripted, ...script.sessions }),
    Layer.mock(CachedLists, { ...script.cachedLists }),
    Layer.mock(ToolPins, { ...noPins, ...script.pins }),
    Layer.mock(Outbox, { hasUnreported: () => false, desert: unscripted, ...script.outbox }),
    Layer.mock(Results, { hasAny: () => false, hasNews: () => false, ...script.results }),
    Layer.mock(RelayLink, { ...script.link }),
    Layer.mock(LiveToken, { ...script.token })
  ))
  const relay: Relay = {
    id,
    url,
    gateway,
    sessions: Context.get(services, AgentSessions),
    cachedLists: Context.get(services, CachedLists),
    pins: Context.get(services, ToolPins),
    outbox: Context.get(services, Outbox),
    results: Context.get(services, Results),
    link: Context.get(services, RelayLink),
    token: Context.get(services, LiveToken),
    prove: () => Effect.void,
    refreshTools: Effect.void
  }
  return relay
})

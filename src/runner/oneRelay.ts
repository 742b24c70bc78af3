/**
 * What belongs to one relay, from its token at the bottom to the gateway at the top. Nothing in it is shared, so that
 * several relays never wait for each other.
 */
import { Context, Effect, Layer } from "effect"
import { RelayTarget } from "../config/Settings.ts"
import { Gateway } from "../mcp/Gateway.ts"
import { FreshList } from "../mcp/menu/FreshList.ts"
import { MenuSignals } from "../mcp/menu/MenuSignals.ts"
import type { Relay } from "../mcp/RelayRegistry.ts"
import { AgentSessions } from "../mcp/sessions/AgentSessions.ts"
import { CachedInitialize } from "../menu/CachedInitialize.ts"
import { CachedLists } from "../menu/CachedLists.ts"
import { ToolPins } from "../menu/ToolPins.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { RelayLink } from "../relay/link/RelayLink.ts"
import { RelayClient } from "../relay/RelayClient.ts"
import * as LeftCalls from "../results/LeftCalls.ts"
import * as QueuedResults from "../results/QueuedResults.ts"
import { Results } from "../results/Results.ts"
import { Tasks } from "../results/Tasks.ts"
import { LiveToken } from "../token/LiveToken.ts"
import type { Seams } from "./Seams.ts"

const rooms = (target: RelayTarget["Service"], { outboxStore, token, transport }: Seams) =>
  Layer.mergeAll(Gateway.layer, LeftCalls.layer, QueuedResults.layer).pipe(
    Layer.provideMerge(Tasks.layer),
    Layer.provideMerge(Results.layer),
    Layer.provideMerge(Layer.mergeAll(
      CachedLists.layer,
      CachedInitialize.layer,
      ToolPins.layer,
      Layer.provide(Outbox.layerNoDeps, outboxStore)
    )),
    Layer.provideMerge(RelayClient.layerOver(transport)),
    Layer.provideMerge(token),
    Layer.provideMerge(Layer.succeed(RelayTarget, target)),
    Layer.fresh
  )

/** Lives as long as the scope that it is built in. */
export const build = Effect.fnUntraced(function*(target: RelayTarget["Service"], seams: Seams) {
  const services = yield* Layer.build(rooms(target, seams))
  const { prove } = Context.get(services, FreshList)
  const { offer } = Context.get(services, MenuSignals)
  return {
    id: target.id,
    url: target.url,
    gateway: Context.get(services, Gateway),
    sessions: Context.get(services, AgentSessions),
    pins: Context.get(services, ToolPins),
    cachedLists: Context.get(services, CachedLists),
    outbox: Context.get(services, Outbox),
    results: Context.get(services, Results),
    link: Context.get(services, RelayLink),
    token: Context.get(services, LiveToken),
    prove: (agent) => Effect.asVoid(Effect.timeoutOption(prove([agent]), "5 seconds")),
    refreshTools: Effect.asVoid(offer({ _tag: "EveryList" }))
  } satisfies Relay
})

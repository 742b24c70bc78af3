/**
 * What belongs to one relay, from its token at the bottom to the gateway at the top. Nothing in it is shared, so that
 * several relays never wait for each other.
 */
import { Context, Duration, Layer, LayerMap } from "effect"
import { RelayId } from "../domain/Ids.ts"
import { AgentRequests } from "../mcp/AgentRequests.ts"
import { Forwarding } from "../mcp/Forwarding.ts"
import { DeadLetters } from "../mcp/interventions/DeadLetters.ts"
import { Discover } from "../mcp/interventions/Discover.ts"
import { Initialize } from "../mcp/interventions/Initialize.ts"
import { Lists } from "../mcp/interventions/Lists.ts"
import { ObservedCalls } from "../mcp/interventions/ObservedCalls.ts"
import { ToolCalls } from "../mcp/interventions/ToolCalls.ts"
import { FreshList } from "../mcp/menus/FreshList.ts"
import { ListChanges } from "../mcp/menus/ListChanges.ts"
import { MenuSignals } from "../mcp/menus/MenuSignals.ts"
import * as MenuTriggers from "../mcp/menus/MenuTriggers.ts"
import { SessionMenu } from "../mcp/menus/SessionMenu.ts"
import { ModernRequests } from "../mcp/ModernRequests.ts"
import { Outcomes } from "../mcp/Outcome.ts"
import * as RelayGateway from "../mcp/RelayGateway.ts"
import { AgentSessions } from "../mcp/sessions/AgentSessions.ts"
import { ModernContexts } from "../mcp/sessions/ModernContexts.ts"
import { Notices } from "../mcp/sessions/Notices.ts"
import { SessionStore } from "../mcp/sessions/SessionStore.ts"
import { RelayMessages } from "../mcp/streams/RelayMessages.ts"
import { ServerStream } from "../mcp/streams/ServerStream.ts"
import { Subscriptions } from "../mcp/streams/Subscriptions.ts"
import { KeptInitialize } from "../menu/KeptInitialize.ts"
import { KeptLists } from "../menu/KeptLists.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { RelayEra } from "../relay/link/RelayEra.ts"
import { RelayLink } from "../relay/link/RelayLink.ts"
import { RelayProbe } from "../relay/link/RelayProbe.ts"
import { RelayClient } from "../relay/RelayClient.ts"
import { RelaySessions } from "../relay/session/RelaySession.ts"
import * as TracedTransport from "../relay/transport/TracedTransport.ts"
import { target } from "./RelayTargets.ts"
import { seam } from "./Seams.ts"

/** The relay's side: its token, one attempt, the link, sessions over it. */
const relaySide = RelayClient.layer.pipe(
  Layer.provideMerge(RelaySessions.layer),
  Layer.provideMerge(RelayLink.layer),
  Layer.provideMerge(RelayProbe.layer),
  Layer.provideMerge(RelayEra.layer),
  Layer.provideMerge(TracedTransport.over(seam(({ transport }) => transport))),
  Layer.provideMerge(seam(({ token }) => token))
)

/** What is kept on disk, and the queue. */
const kept = Layer.mergeAll(
  KeptLists.layer,
  KeptInitialize.layer,
  SessionStore.layer,
  Outbox.layerNoDeps.pipe(Layer.provide(seam(({ outboxStore }) => outboxStore)))
)

/** The agent's side: from single messages at the bottom to the gateway at the top. */
const agentSide = Layer.mergeAll(RelayGateway.layer, MenuTriggers.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(AgentRequests.layer, ModernRequests.layer, ModernContexts.layer)),
  Layer.provideMerge(Layer.mergeAll(Discover.layer, Subscriptions.layer)),
  Layer.provideMerge(
    Layer.mergeAll(Lists.layer, ToolCalls.layer, ServerStream.layer, Initialize.layer, Notices.layer, Outcomes.layer)
  ),
  Layer.provideMerge(ListChanges.layer),
  Layer.provideMerge(Layer.mergeAll(FreshList.layer, Forwarding.layer, DeadLetters.layer, ObservedCalls.layer)),
  Layer.provideMerge(Layer.mergeAll(SessionMenu.layer, RelayMessages.layer, AgentSessions.layer)),
  Layer.provideMerge(MenuSignals.layer)
)

const ofRelay = (id: RelayId) =>
  agentSide.pipe(
    Layer.provideMerge(kept),
    Layer.provideMerge(relaySide),
    Layer.provideMerge(target(id)),
    Layer.fresh
  )

export class Relays extends LayerMap.Service<Relays>()("holdfast/Relays", {
  lookup: ofRelay,
  idleTimeToLive: Duration.infinity
}) {}

export type RelayLayer = ReturnType<typeof ofRelay>
export type RelayServices = Context.Context<Layer.Success<RelayLayer>>

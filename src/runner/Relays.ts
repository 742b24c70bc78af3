/**
 * What belongs to one relay, from its token at the bottom to the gateway at the top. Nothing in it is shared, so that
 * several relays never wait for each other.
 */
import { Context, Duration, Layer, LayerMap } from "effect"
import { RelayId } from "../domain/Ids.ts"
import { Gateway } from "../mcp/Gateway.ts"
import { CachedInitialize } from "../menu/CachedInitialize.ts"
import { CachedLists } from "../menu/CachedLists.ts"
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
  CachedLists.layer,
  CachedInitialize.layer,
  Outbox.layerNoDeps.pipe(Layer.provide(seam(({ outboxStore }) => outboxStore)))
)

const ofRelay = (id: RelayId) =>
  Gateway.layer.pipe(
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

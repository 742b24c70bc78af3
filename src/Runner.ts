/**
 * The one place where layers are wired: what is shared, what belongs to one relay, what listens.
 *
 * Everything of one relay is an entry of `Relays`, so that several relays never wait for each other.
 */
import {
  Clock,
  Context,
  Duration,
  Effect,
  identity,
  Layer,
  LayerMap,
  Option,
  Redacted,
  Ref,
  Schema,
  Semaphore
} from "effect"
import { randomBytes } from "node:crypto"
import { AdminHandler } from "./admin/AdminHandler.ts"
import { AdminSecret } from "./admin/AdminSecret.ts"
import { Daemon } from "./admin/Daemon.ts"
import { type RelayAdmin, RelayAdmins } from "./admin/RelayAdmins.ts"
import * as RelayReload from "./admin/RelayReload.ts"
import { AgentProvisioning, type Provisioning } from "./agents/AgentProvisioning.ts"
import { Agents } from "./agents/Agents.ts"
import { RelayTarget, Settings, type SettingsValues } from "./config/Settings.ts"
import { WorkspaceContexts } from "./context/WorkspaceContexts.ts"
import * as WorktreeWatch from "./context/WorktreeWatch.ts"
import { Credentials } from "./credentials/Credentials.ts"
import { RelayId } from "./domain/Ids.ts"
import { steadyClock } from "./domain/SteadyClock.ts"
import { version } from "./domain/Version.ts"
import { AgentRequests } from "./mcp/AgentRequests.ts"
import { Endpoint } from "./mcp/endpoint/Endpoint.ts"
import { ExtraRoutes } from "./mcp/endpoint/ExtraRoutes.ts"
import { Readiness, type ReadinessState } from "./mcp/endpoint/Readiness.ts"
import { RememberedPort } from "./mcp/endpoint/RememberedPort.ts"
import { Forwarding } from "./mcp/Forwarding.ts"
import { Gateway, Gateways } from "./mcp/Gateway.ts"
import { DeadLetters } from "./mcp/interventions/DeadLetters.ts"
import { Discover } from "./mcp/interventions/Discover.ts"
import { Initialize } from "./mcp/interventions/Initialize.ts"
import { Lists } from "./mcp/interventions/Lists.ts"
import { ObservedCalls } from "./mcp/interventions/ObservedCalls.ts"
import { ToolCalls } from "./mcp/interventions/ToolCalls.ts"
import { FreshList } from "./mcp/menus/FreshList.ts"
import { ListChanges } from "./mcp/menus/ListChanges.ts"
import { MenuSignals } from "./mcp/menus/MenuSignals.ts"
import * as MenuTriggers from "./mcp/menus/MenuTriggers.ts"
import { SessionMenu } from "./mcp/menus/SessionMenu.ts"
import { ModernRequests } from "./mcp/ModernRequests.ts"
import { Outcomes } from "./mcp/Outcome.ts"
import * as RelayGateway from "./mcp/RelayGateway.ts"
import { AgentSessions } from "./mcp/sessions/AgentSessions.ts"
import { ModernContexts } from "./mcp/sessions/ModernContexts.ts"
import { Notices } from "./mcp/sessions/Notices.ts"
import { SessionStore } from "./mcp/sessions/SessionStore.ts"
import { EventLogs } from "./mcp/streams/EventLogs.ts"
import { RelayMessages } from "./mcp/streams/RelayMessages.ts"
import { ServerStream } from "./mcp/streams/ServerStream.ts"
import { Subscriptions } from "./mcp/streams/Subscriptions.ts"
import { KeptInitialize } from "./menu/KeptInitialize.ts"
import { KeptLists } from "./menu/KeptLists.ts"
import * as EventLoopDelay from "./observability/EventLoopDelay.ts"
import * as Logging from "./observability/Logging.ts"
import * as Traces from "./observability/Traces.ts"
import { Outbox } from "./outbox/Outbox.ts"
import { RelayEra } from "./relay/link/RelayEra.ts"
import { RelayLink } from "./relay/link/RelayLink.ts"
import { RelayProbe } from "./relay/link/RelayProbe.ts"
import { RelayClient } from "./relay/RelayClient.ts"
import { RelaySessions } from "./relay/session/RelaySession.ts"
import { RelayTransport } from "./relay/transport/RelayTransport.ts"
import * as TracedTransport from "./relay/transport/TracedTransport.ts"
import * as Database from "./storage/Database.ts"
import { DataDirectory } from "./storage/DataDirectory.ts"
import * as EndpointFile from "./storage/EndpointFile.ts"
import * as LiveSet from "./supervision/LiveSet.ts"
import { Supervisor } from "./supervision/Supervisor.ts"
import { LiveToken } from "./token/LiveToken.ts"
import * as PrincipalMemory from "./token/PrincipalMemory.ts"
import * as SettingsCredentialSources from "./token/SettingsCredentialSources.ts"
import type { TokenSettingsInvalid } from "./token/sources/ChosenSource.ts"

/** The relays that are served from the start. */
export class RelayTargets extends Context.Service<RelayTargets, ReadonlyArray<RelayTarget["Service"]>>()(
  "holdfast/RelayTargets"
) {}

/** Where they are read anew from while the daemon runs. */
export const RelaySource = Context.Reference<RelayReload.Reloading["reread"]>("holdfast/RelaySource", {
  defaultValue: () => Effect.fail({ message: "the program that Holdfast is embedded in has named them" })
})

/** Those of the start, until the configuration's are read anew. */
class PresentTargets extends Context.Service<PresentTargets, Ref.Ref<ReadonlyArray<RelayTarget["Service"]>>>()(
  "holdfast/PresentTargets"
) {
  static readonly layer = Layer.effect(PresentTargets, Effect.flatMap(RelayTargets, (targets) => Ref.make(targets)))
}

const target = (id: RelayId) =>
  Layer.effect(
    RelayTarget,
    Effect.gen(function*() {
      const targets = yield* Ref.get(yield* PresentTargets)
      return yield* Effect.orDie(Effect.fromNullishOr(targets.find((candidate) => candidate.id === id)))
    })
  )

/** What an embedding program may put in the place of our own parts. */
export interface SeamLayers {
  /** One attempt at the relay. */
  readonly transport: typeof RelayTransport.layer
  /** Where the relay's token comes from. */
  readonly token: Layer.Layer<LiveToken, TokenSettingsInvalid, RelayTarget | Supervisor | DataDirectory>
  /** What the outbox, sessions and kept lists are stored in: SQLite, migrated. */
  readonly database: typeof Database.layer
}

export const Seams = Context.Reference<SeamLayers>("holdfast/Seams", {
  defaultValue: () => ({ transport: RelayTransport.layer, token: LiveToken.layer, database: Database.layer })
})

const seam = <A, E, R>(pick: (seams: SeamLayers) => Layer.Layer<A, E, R>) =>
  Layer.unwrap(Effect.gen(function*() {
    return pick(yield* Seams)
  }))

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
const kept = Layer.mergeAll(KeptLists.layer, KeptInitialize.layer, SessionStore.layer, Outbox.layer)

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

const isRelayId = Schema.is(RelayId)

type RelayLayer = ReturnType<typeof ofRelay>
type RelayServices = Context.Context<Layer.Success<RelayLayer>>

/** Every relay's services, built side by side; they come and go with the configuration. */
class ServedRelays
  extends Context.Service<ServedRelays, LiveSet.LiveSet<RelayId, RelayServices, Layer.Error<RelayLayer>>>()(
    "holdfast/ServedRelays"
  )
{
  static readonly layer = Layer.effect(
    ServedRelays,
    Effect.gen(function*() {
      // Let go of by the map at once, so that what goes, or could not come, is built anew when it comes again.
      const served = yield* LiveSet.make((id: RelayId) =>
        Effect.andThen(
          Effect.addFinalizer(() => Relays.invalidate(id)),
          Relays.contextEffect(id)
        )
      )
      yield* served.add((yield* RelayTargets).map(({ id }) => id))
      return served
    })
  )
}

const gateways = Layer.effect(
  Gateways,
  Effect.map(ServedRelays, ({ find }) =>
    Gateways.of({
      find: (name) =>
        isRelayId(name)
          ? Effect.map(find(name), Option.map((relay) => Context.get(relay, Gateway)))
          : Effect.succeedNone
    }))
)

const relayAdmin = (relay: RelayServices): RelayAdmin => {
  const sessions = Context.get(relay, AgentSessions)
  return {
    id: Context.get(relay, RelayTarget).id,
    url: Context.get(relay, RelayTarget).url,
    link: Context.get(relay, RelayLink),
    token: Context.get(relay, LiveToken),
    outbox: Context.get(relay, Outbox),
    keptLists: Context.get(relay, KeptLists),
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

const relayAdmins = Layer.effect(
  RelayAdmins,
  Effect.map(ServedRelays, ({ list }) => RelayAdmins.of({ list: Effect.map(list, (all) => all.map(relayAdmin)) }))
)

/** Ready while it serves; degraded where a relay is away or the disk fails. */
const look = Effect.fnUntraced(function*({ list }: RelayAdmins["Service"]): Effect.fn.Return<ReadinessState> {
  const degraded: Array<string> = []
  for (const relay of yield* list) {
    const link = yield* relay.link.state
    if (link._tag === "Down") degraded.push(`relay ${relay.id} is down: ${link.why}`)
    if (!(yield* relay.outbox.stats).writable) degraded.push(`the outbox of relay ${relay.id} cannot write to disk`)
  }
  return { ready: true, degraded }
})

const readiness = Layer.effect(Readiness, Effect.map(RelayAdmins, look))

const adminSecret = Layer.unwrap(Effect.gen(function*() {
  const directory = yield* DataDirectory
  const name = "admin-secret"
  const found = yield* directory.readSecretFile(name)
  const secret = Option.getOrElse(found, () => randomBytes(32).toString("base64url"))
  if (Option.isNone(found)) yield* directory.writeAtomically(name, `${secret}\n`)
  return AdminSecret.layer(Redacted.make(secret))
}))

const daemon = Layer.effect(
  Daemon,
  Effect.gen(function*() {
    const { url } = yield* Endpoint
    const startedAt = Math.floor(yield* Clock.currentTimeMillis)
    return { version: version, pid: process.pid, startedAt, url }
  })
)

const admin = Layer.effectDiscard(Effect.gen(function*() {
  const routes = yield* ExtraRoutes
  const { handle } = yield* AdminHandler
  yield* routes.mount("/api", handle)
})).pipe(
  Layer.provide(AdminHandler.layerNoDeps),
  Layer.provide(adminSecret)
)

/** What is accepted is on disk and answered, then what streams end tells their clients to come back. */
const letGo = Effect.fnUntraced(function*(relays: ReadonlyArray<RelayServices>) {
  const patience = "5 seconds"
  yield* Effect.forEach(relays, (relay) => Context.get(relay, Outbox).drain, { concurrency: "unbounded" })
  yield* Effect.forEach(relays, (relay) => Context.get(relay, AgentSessions).settled, { concurrency: "unbounded" })
    .pipe(Effect.timeoutOption(patience))
  yield* Effect.forEach(relays, (relay) => Context.get(relay, AgentSessions).farewell, { concurrency: "unbounded" })
})

/** Two stages: no relay is asked for anything new, then streams end. */
const stopping = Layer.effectDiscard(Effect.gen(function*() {
  const endpoint = yield* Endpoint
  const { list } = yield* ServedRelays
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      yield* endpoint.stopAccepting
      yield* Effect.flatMap(list, letGo)
      yield* endpoint.closeStreams
    })
  )
}))

const relayReload = Layer.effect(
  RelayReload.RelayReload,
  Effect.gen(function*() {
    const served = yield* ServedRelays
    const oneAtATime = yield* Semaphore.make(1)
    const reload = RelayReload.make({
      reread: yield* RelaySource,
      present: yield* PresentTargets,
      start: served.add,
      stop: Effect.fnUntraced(function*(id) {
        let undelivered = 0
        yield* served.remove(id, (relay) =>
          Effect.gen(function*() {
            yield* letGo([relay])
            const { dead, held, inflight, pending } = yield* Context.get(relay, Outbox).stats
            undelivered = dead + held + inflight + pending
          }))
        return undelivered
      })
    })
    return { reload: oneAtATime.withPermit(reload) }
  })
)

const announced = Layer.effectDiscard(Effect.gen(function*() {
  const { port, url } = yield* Endpoint
  const { pid, startedAt } = yield* Daemon
  yield* EndpointFile.announce({ url, port, pid, startedAt })
}))

const eventLoopDelay = Layer.effectDiscard(Effect.gen(function*() {
  const { supervise } = yield* Supervisor
  yield* supervise("event-loop-delay")(EventLoopDelay.sample)
}))

const credentials = Credentials.layerNoDeps.pipe(Layer.provide(SettingsCredentialSources.layer))

/** What all relays share. */
const shared = WorktreeWatch.layer.pipe(
  Layer.provideMerge(
    Layer.mergeAll(
      Agents.layer,
      WorkspaceContexts.layer,
      PrincipalMemory.layer,
      EventLogs.layer,
      eventLoopDelay,
      credentials
    )
  ),
  Layer.provideMerge(seam(({ database }) => database)),
  Layer.provideMerge(Layer.mergeAll(DataDirectory.layer, Supervisor.layer))
)

/** The whole runtime, listening. */
export const layer = announced.pipe(
  Layer.provideMerge(stopping),
  Layer.provideMerge(admin),
  Layer.provideMerge(daemon),
  Layer.provideMerge(Endpoint.layerNoDeps),
  Layer.provideMerge(readiness),
  Layer.provideMerge(Layer.mergeAll(relayAdmins, relayReload, gateways, ExtraRoutes.layer, RememberedPort.layerNoDeps)),
  Layer.provideMerge(ServedRelays.layer),
  Layer.provideMerge(Relays.layer),
  Layer.provideMerge(PresentTargets.layer),
  Layer.provideMerge(shared)
)

export interface ServeOptions {
  readonly settings: SettingsValues
  readonly relays: ReadonlyArray<RelayTarget["Service"]>
  /** The configuration's, read anew. */
  readonly reread?: RelayReload.Reloading["reread"]
  /** What each agent needs besides its secret. */
  readonly provisioning?: Provisioning
  /** What to do once the daemon is ready. */
  readonly onReady?: (endpoint: Endpoint["Service"]) => Effect.Effect<void>
}

/** Runs the daemon until it is interrupted, or a fiber keeps failing. */
export const serve = (options: ServeOptions) =>
  Effect.gen(function*() {
    const endpoint = yield* Endpoint
    const supervisor = yield* Supervisor
    if (options.onReady !== undefined) yield* options.onReady(endpoint)
    return yield* supervisor.escalated
  }).pipe(
    Effect.provide(Layer.provideMerge(layer, Layer.merge(Logging.layer, Traces.layer))),
    options.provisioning === undefined
      ? identity
      : Effect.provideService(AgentProvisioning, options.provisioning),
    options.reread === undefined ? identity : Effect.provideService(RelaySource, options.reread),
    Effect.provideService(Settings, options.settings),
    Effect.provideService(RelayTargets, options.relays),
    Effect.provideServiceEffect(Clock.Clock, Effect.map(Clock.Clock, steadyClock))
  )

/**
 * The one place where layers are wired, with its parts in `runner`: what is shared, what belongs to one relay, what
 * listens.
 */
import { Cause, Clock, Effect, Exit, identity, Layer } from "effect"
import { Daemon } from "./admin/Daemon.ts"
import * as RelayReload from "./admin/RelayReload.ts"
import { AgentProvisioning, type Provisioning } from "./agents/Agents.ts"
import { Agents } from "./agents/Agents.ts"
import { RelayTarget, Settings, type SettingsValues } from "./config/Settings.ts"
import { WorkspaceContexts } from "./context/WorkspaceContexts.ts"
import * as WorktreeWatch from "./context/WorktreeWatch.ts"
import { Credentials } from "./credentials/Credentials.ts"
import * as SettingsCredentialSources from "./credentials/SettingsCredentialSources.ts"
import { steadyClock } from "./domain/SteadyClock.ts"
import { Endpoint } from "./mcp/http/Endpoint.ts"
import { ExtraRoutes } from "./mcp/http/ExtraRoutes.ts"
import { RememberedPort } from "./mcp/http/RememberedPort.ts"
import { EventLogs } from "./mcp/streams/EventLogs.ts"
import { OpenStreams } from "./mcp/streams/OpenStreams.ts"
import * as EventLoopDelay from "./observability/EventLoopDelay.ts"
import * as Logging from "./observability/Logging.ts"
import * as ProcessMetrics from "./observability/ProcessMetrics.ts"
import * as Traces from "./observability/Traces.ts"
import { admin, daemon } from "./runner/Admin.ts"
import { Relays } from "./runner/Relays.ts"
import { PresentTargets, RelaySource, RelayTargets } from "./runner/RelayTargets.ts"
import { gateways, readiness, relayAdmins } from "./runner/RelayViews.ts"
import { relayReload } from "./runner/Reload.ts"
import { seam } from "./runner/Seams.ts"
import { ServedRelays } from "./runner/ServedRelays.ts"
import { Started } from "./runner/Started.ts"
import { stopping } from "./runner/Stopping.ts"
import { DataDirectory } from "./storage/DataDirectory.ts"
import * as EndpointFile from "./storage/EndpointFile.ts"
import { Deadlines } from "./supervision/Deadlines.ts"
import { Supervisor } from "./supervision/Supervisor.ts"
import * as PrincipalMemory from "./token/PrincipalMemory.ts"

const announced = Layer.effectDiscard(Effect.gen(function*() {
  const { port, url } = yield* Endpoint
  const { pid, startedAt } = yield* Daemon
  yield* EndpointFile.announce({ url, port, pid, startedAt })
  yield* Effect.flatMap(Started, ({ set }) => set)
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
      OpenStreams.layer,
      eventLoopDelay,
      ProcessMetrics.layer,
      credentials
    )
  ),
  Layer.provideMerge(seam(({ database }) => database)),
  Layer.provideMerge(Layer.mergeAll(DataDirectory.layer, Layer.provideMerge(Deadlines.layer, Supervisor.layer)))
)

/** The whole runtime, listening. */
export const layer = announced.pipe(
  Layer.provideMerge(stopping),
  Layer.provideMerge(admin),
  Layer.provideMerge(daemon),
  Layer.provideMerge(Endpoint.layerNoDeps),
  Layer.provideMerge(readiness),
  Layer.provideMerge(Started.layer),
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
  /** Waits for the next request to read the relays anew. */
  readonly hangup?: Effect.Effect<void>
  /** What each agent needs besides its secret. */
  readonly provisioning?: Provisioning
  /** What to do once the daemon is ready. */
  readonly onReady?: (endpoint: Endpoint["Service"]) => Effect.Effect<void>
  /** Why the daemon was interrupted, for the log. */
  readonly stopReason?: () => string
}

const logReady = Effect.gen(function*() {
  const { url } = yield* Endpoint
  const { pid, version } = yield* Daemon
  const relays = (yield* RelayTargets).map(({ id }) => id)
  const { path: dataDir } = yield* DataDirectory
  yield* Effect.logInfo("Holdfast is ready", { version, url, relays, dataDir, pid })
})

const logStopping = (stopReason: () => string) => (exit: Exit.Exit<unknown, { readonly message: string }>) =>
  Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)
    ? Effect.logInfo("Holdfast is stopping", { reason: stopReason() })
    : Effect.logError("Holdfast is stopping", {
      reason: Cause.prettyErrors(exit.cause).map(({ message }) => message).join("; ")
    })

const reloadOn = Effect.fnUntraced(function*(hangup: Effect.Effect<void>) {
  const { reload } = yield* RelayReload.RelayReload
  const { supervise } = yield* Supervisor
  const once = hangup.pipe(
    Effect.andThen(reload),
    Effect.flatMap(({ relays }) => Effect.logInfo("the relays were read anew", { relays: relays.join(",") })),
    Effect.catchTag("CannotReload", (error) => Effect.logError(error.message))
  )
  yield* supervise("reload-on-hangup")(Effect.forever(once))
})

/** Runs the daemon until it is interrupted, or a fiber keeps failing. */
export const serve = (options: ServeOptions) =>
  Effect.gen(function*() {
    const endpoint = yield* Endpoint
    const supervisor = yield* Supervisor
    yield* logReady
    if (options.hangup !== undefined) yield* reloadOn(options.hangup)
    if (options.onReady !== undefined) yield* options.onReady(endpoint)
    return yield* supervisor.escalated
  }).pipe(
    Effect.onExit(logStopping(options.stopReason ?? (() => "the program that runs it ended it"))),
    Effect.provide(Layer.provideMerge(layer, Layer.provideMerge(Traces.layer, Logging.layer))),
    options.provisioning === undefined
      ? identity
      : Effect.provideService(AgentProvisioning, options.provisioning),
    options.reread === undefined ? identity : Effect.provideService(RelaySource, options.reread),
    Effect.provideService(Settings, options.settings),
    Effect.provideService(RelayTargets, options.relays),
    Effect.provideServiceEffect(Clock.Clock, Effect.map(Clock.Clock, steadyClock))
  )

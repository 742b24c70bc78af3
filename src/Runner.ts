/**
 * The one place where rooms are wired: what all relays share, then each relay (`runner/oneRelay.ts`), then what listens.
 */
import { Cause, Clock, Effect, Exit, identity, Layer, Option } from "effect"
import { AdminHandler } from "./admin/AdminHandler.ts"
import { Daemon } from "./admin/Daemon.ts"
import { AgentProvisioning, Agents, type Provisioning } from "./agents/Agents.ts"
import { type RelayTarget, Settings, type SettingsValues } from "./config/Settings.ts"
import * as WorktreeWatch from "./context/WorktreeWatch.ts"
import * as CredentialDirectory from "./credentials/CredentialDirectory.ts"
import { Credentials } from "./credentials/Credentials.ts"
import * as SettingsCredentialSources from "./credentials/SettingsCredentialSources.ts"
import * as Dashboard from "./dashboard/Dashboard.ts"
import { steadyClock } from "./domain/SteadyClock.ts"
import { Inbox } from "./inbox/Inbox.ts"
import { Journal } from "./journal/Journal.ts"
import * as Recorder from "./journal/Recorder.ts"
import { Endpoint } from "./mcp/http/Endpoint.ts"
import { Readiness } from "./mcp/http/OperatorRoutes.ts"
import { ProbeListener } from "./mcp/http/ProbeListener.ts"
import { RelayRegistry, type Reread, shutdown } from "./mcp/RelayRegistry.ts"
import { EventLogs } from "./mcp/streams/EventLogs.ts"
import { OpenStreams } from "./mcp/streams/OpenStreams.ts"
import { Happenings, HappeningsFeed } from "./observability/Happenings.ts"
import * as Logging from "./observability/Logging.ts"
import * as ProcessMetrics from "./observability/ProcessMetrics.ts"
import * as Traces from "./observability/Traces.ts"
import * as OneRelay from "./runner/oneRelay.ts"
import { ownSeams, type Seams } from "./runner/Seams.ts"
import { DaemonLock } from "./storage/DaemonLock.ts"
import { DataDirectory } from "./storage/DataDirectory.ts"
import * as EndpointFile from "./storage/EndpointFile.ts"
import * as HostServices from "./storage/HostServices.ts"
import { Deadlines } from "./supervision/Deadlines.ts"
import { PortHolder } from "./supervision/PortHolder.ts"
import { Supervisor } from "./supervision/Supervisor.ts"
import { principalMemory } from "./token/Principal.ts"
import { PushedCredentials, PushedCredentialsTable } from "./token/sources/UplinkSource.ts"
import { UplinkStates, UplinkStatusTable } from "./uplink/UplinkStatus.ts"

/** Under the lock, which proves to a command that what is announced still runs. */
const announced = Layer.effectDiscard(Effect.gen(function*() {
  yield* DaemonLock
  const { port, url } = yield* Endpoint
  const { pid, startedAt } = yield* Daemon
  // First: whoever finds the file may end the daemon, and another one is to be started then.
  yield* (yield* PortHolder).ready
  yield* EndpointFile.announce({ url, port, pid, startedAt })
  yield* Effect.flatMap(Readiness, ({ started }) => started)
}))

/** Two stages at the end (BEHAVIOUR 8): no relay is asked for anything new, then the streams end. */
const stopping = Layer.effectDiscard(Effect.gen(function*() {
  const endpoint = yield* Endpoint
  const { list } = yield* RelayRegistry
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      yield* endpoint.stopAccepting
      yield* Effect.forEach(yield* list, shutdown, { concurrency: "unbounded", discard: true })
      yield* endpoint.closeStreams
    })
  )
}))

const eventLoopDelay = Layer.effectDiscard(Effect.gen(function*() {
  const { supervise } = yield* Supervisor
  yield* supervise("event-loop-delay")(ProcessMetrics.sampleEventLoopDelay)
}))

/** Below the relays, whose tokens a control plane may push; loaded only where one is configured. */
const uplinks = Layer.unwrap(Effect.gen(function*() {
  const { uplinks } = yield* Settings
  if (Object.keys(uplinks).length === 0) return Layer.empty
  return (yield* Effect.promise(() => import("./uplink/Uplinks.ts"))).layer
}))

/** What all relays share. */
const shared = ({ database }: Seams) =>
  Layer.mergeAll(
    Agents.layer,
    uplinks,
    WorktreeWatch.layer,
    Credentials.layerNoDeps.pipe(Layer.provide(SettingsCredentialSources.layer)),
    CredentialDirectory.layerSweeper.pipe(Layer.provide(HostServices.layer)),
    principalMemory,
    Layer.mergeAll(EventLogs.layer, OpenStreams.layer),
    Layer.mergeAll(eventLoopDelay, ProcessMetrics.layer)
  ).pipe(
    Layer.provideMerge(Inbox.layer),
    // It listens before anybody tells anything.
    Layer.provideMerge(Layer.provideMerge(Recorder.layer, Journal.layer)),
    Layer.provideMerge(database),
    // An embedding program's own database holds no lock.
    Layer.provideMerge(DaemonLock.layer),
    Layer.provideMerge(Layer.mergeAll(DataDirectory.layer, Layer.provideMerge(Deadlines.layer, Supervisor.layer))),
    Layer.provideMerge(Layer.mergeAll(
      Layer.sync(Happenings, () => new HappeningsFeed()),
      Layer.sync(PushedCredentials, () => new PushedCredentialsTable()),
      Layer.sync(UplinkStates, () => new UplinkStatusTable())
    ))
  )

export interface RunnerOptions {
  /** The relays that are served from the start. */
  readonly relays: ReadonlyArray<RelayTarget["Service"]>
  /** The configuration's, read anew. */
  readonly reread?: Reread | undefined
  readonly seams?: Partial<Seams>
}

/** The whole runtime, listening. */
export const layer = ({ relays, reread = named, seams: given = {} }: RunnerOptions) => {
  const seams: Seams = { ...ownSeams, ...given }
  return announced.pipe(
    Layer.provideMerge(stopping),
    Layer.provideMerge(Layer.merge(AdminHandler.layer, Dashboard.layer)),
    Layer.provideMerge(ProbeListener.layerNoDeps),
    Layer.provideMerge(Endpoint.layer),
    Layer.provideMerge(RelayRegistry.layer({ relays, reread, build: (target) => OneRelay.build(target, seams) })),
    Layer.provideMerge(shared(seams))
  )
}

const named: Reread = Effect.fail({ message: "the program that Holdfast is embedded in has named them" })

export interface ServeOptions extends RunnerOptions {
  readonly settings: SettingsValues
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
  const relays = (yield* (yield* RelayRegistry).list).map(({ id }) => id)
  const { path: dataDir } = yield* DataDirectory
  const probes = Option.getOrUndefined((yield* ProbeListener).origin)
  yield* Effect.logInfo("Holdfast is ready", { version, url, probes, relays, dataDir, pid })
})

const logStopping = (stopReason: () => string) => (exit: Exit.Exit<unknown, { readonly message: string }>) =>
  Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)
    ? Effect.logInfo("Holdfast is stopping", { reason: stopReason() })
    : Effect.logError("Holdfast is stopping", {
      reason: Cause.prettyErrors(exit.cause).map(({ message }) => message).join("; ")
    })

const reloadOn = Effect.fnUntraced(function*(hangup: Effect.Effect<void>) {
  const { reload } = yield* RelayRegistry
  const { supervise } = yield* Supervisor
  const once = hangup.pipe(
    Effect.andThen(reload),
    Effect.flatMap(({ needRestart, relays }) =>
      Effect.logInfo("the relays were read anew", {
        relays: relays.join(","),
        needRestart: needRestart.length === 0 ? undefined : needRestart.join(",")
      })
    ),
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
    Effect.provide(Layer.provideMerge(layer(options), Layer.provideMerge(Traces.layer, Logging.layer))),
    options.provisioning === undefined
      ? identity
      : Effect.provideService(AgentProvisioning, options.provisioning),
    Effect.provideService(Settings, options.settings),
    Effect.provideServiceEffect(Clock.Clock, Effect.map(Clock.Clock, steadyClock))
  )

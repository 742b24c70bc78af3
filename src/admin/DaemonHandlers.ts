/** What concerns the daemon as a whole: its status, its restart, the relays read anew, the level of its log. */
import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Agents } from "../agents/Agents.ts"
import { Credentials } from "../credentials/Credentials.ts"
import { shownUrl } from "../domain/ShownUrl.ts"
import { Journal } from "../journal/Journal.ts"
import { RelayRegistry } from "../mcp/RelayRegistry.ts"
import { type LogLevelForeign, LogThreshold } from "../observability/LogThreshold.ts"
import { PortHolder } from "../supervision/PortHolder.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import { UplinkStates } from "../uplink/UplinkStatus.ts"
import { AdminApi } from "./AdminApi.ts"
import { Conflict } from "./AdminErrors.ts"
import { credentialView } from "./CredentialView.ts"
import { Daemon } from "./Daemon.ts"
import { entryViews } from "./EntryPages.ts"
import { instant } from "./Instant.ts"
import * as Lookup from "./Lookup.ts"
import { grouped, heldView, statsView } from "./OutboxView.ts"
import { fiberView, linkView } from "./StatusView.ts"
import { tokenView } from "./TokenView.ts"
import { pinnedView } from "./UnapprovedTools.ts"
import { uplinkView } from "./UplinkView.ts"

export const statusLayer = HttpApiBuilder.group(
  AdminApi,
  "status",
  Effect.fn(function*(handlers) {
    const daemon = yield* Daemon
    const registry = yield* RelayRegistry
    const agents = yield* Agents
    const supervisor = yield* Supervisor
    const credentials = yield* Credentials
    const holder = yield* PortHolder
    const uplinkStates = yield* UplinkStates
    const journal = yield* Journal

    return handlers.handleAll({
      status: Effect.fnUntraced(function*() {
        const names = yield* agents.list
        const relays = yield* Effect.forEach(
          yield* registry.list,
          Effect.fnUntraced(function*(relay) {
            const stats = yield* relay.outbox.stats
            const held = stats.held === 0
              ? []
              : yield* entryViews(relay.outbox, { state: "held", limit: maxHeld }, heldView)
            return {
              id: relay.id,
              url: shownUrl(relay.url),
              link: linkView(yield* relay.link.state),
              tokens: yield* Effect.forEach(
                names,
                (agent) => Effect.map(relay.token.status(agent), (status) => tokenView(relay.id, agent, status))
              ),
              outbox: statsView(stats),
              held: grouped(held),
              pinnedTools: yield* pinnedView(relay),
              sessions: yield* relay.sessions.totals
            }
          }),
          { concurrency: "unbounded" }
        )
        const newest = uplinkStates.all.length === 0 ? 0 : yield* journal.newest
        const uplinks = uplinkStates.all.map((uplink) => uplinkView(uplink, newest))
        return {
          daemon: {
            version: daemon.version,
            pid: daemon.pid,
            startedAt: instant(daemon.startedAt),
            url: daemon.url,
            portHeldBy: holder.by,
            supervisor: Option.getOrNull(holder.supervisor)
          },
          agents: names,
          relays,
          credentials: (yield* credentials.status).map(credentialView),
          ...uplinks.length === 0 ? {} : { uplinks },
          fibers: (yield* supervisor.fibers).map(fiberView)
        }
      })
    })
  })
)

const maxHeld = 1000

export const restartLayer = HttpApiBuilder.group(
  AdminApi,
  "restart",
  Effect.fn(function*(handlers) {
    const holder = yield* PortHolder
    return handlers.handleAll({
      restart: Effect.fnUntraced(function*() {
        if (yield* holder.restart) return
        return yield* new Conflict({
          message: "this daemon has no supervisor: restart its service, or stop it and start it"
        })
      })
    })
  })
)

export const relaysLayer = HttpApiBuilder.group(
  AdminApi,
  "relays",
  Effect.fn(function*(handlers) {
    const { reload } = yield* RelayRegistry
    const lookup = yield* Lookup.make

    return handlers.handleAll({
      probe: Effect.fnUntraced(function*({ payload }) {
        const [relay] = yield* lookup.relays(payload.relay)
        return { relay: payload.relay, up: relay !== undefined && (yield* relay.link.probe) }
      }),
      reload: ({ payload: { variables = [] } }) =>
        reload.pipe(
          Effect.map((reloaded) => ({ ...reloaded, unset: variables.filter((name) => !process.env[name]) })),
          Effect.mapError((error) => new Conflict({ message: error.message }))
        )
    })
  })
)

const conflict = Effect.mapError(({ message }: LogLevelForeign) => new Conflict({ message }))

export const logLevelLayer = HttpApiBuilder.group(
  AdminApi,
  "logLevel",
  Effect.fn(function*(handlers) {
    const threshold = yield* LogThreshold
    return handlers.handleAll({
      show: () => threshold.level.pipe(Effect.map((level) => ({ level })), conflict),
      set: Effect.fnUntraced(function*({ payload: { level } }) {
        const before = yield* threshold.level
        // Said at the more talkative of the two levels.
        const isSaid = threshold.isEnabled("Info")
        const said = before === level ? Effect.void : Effect.logInfo("The log level changes", { before, after: level })
        if (isSaid) yield* said
        yield* threshold.set(level)
        if (!isSaid) yield* said
        return { level }
      }, conflict)
    })
  })
)

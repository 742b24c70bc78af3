/**
 * The uplinks of the settings: each is an actor over one control plane, which is told what happens here and sends messages
 * and credentials (BEHAVIOUR 14). Loaded only where one is configured.
 *
 * Nothing here is on the way of a call. A plane that is away costs a cursor on disk.
 */
import { Clock, Effect, Layer, Schedule, type Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { bytes, Settings } from "../config/Settings.ts"
import type { UplinkSettings } from "../config/UplinkSettings.ts"
import { AgentName, defaultAgent } from "../domain/Ids.ts"
import { Inbox } from "../inbox/Inbox.ts"
import { Journal } from "../journal/Journal.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import * as Cursors from "./Cursors.ts"
import * as Deposits from "./Deposits.ts"
import * as Flow from "./Flow.ts"
import { PlaneMaker } from "./Plane.ts"
import * as PlaneAccess from "./PlaneAccess.ts"
import * as PushFlow from "./PushFlow.ts"
import { type Flow as FlowView, UplinkStates, type UplinkStatus } from "./UplinkStatus.ts"
import * as WatchFlow from "./WatchFlow.ts"

const off: FlowView = { state: "off", since: 0, why: "the settings turn it off" }

type Services = Settings | Inbox | Journal | Supervisor | SqlClient.SqlClient | Scope.Scope

const one = Effect.fnUntraced(
  function*(name: string, settings: UplinkSettings): Effect.fn.Return<void, never, Services> {
    const { inbox: { maxBody } } = yield* Settings
    const inbox = yield* Inbox
    const journal = yield* Journal
    const { supervise } = yield* Supervisor
    const states = yield* UplinkStates
    const { agents, inboxes, push, session, url, watch } = settings
    const makePlane = yield* yield* PlaneMaker

    const cursors = yield* Effect.orDie(Cursors.make(name, session))
    const since = yield* Clock.currentTimeMillis
    const plane = yield* makePlane(settings).pipe(
      Effect.tapError(({ message }) =>
        Effect.suspend(() => {
          const waiting: FlowView = { state: "waiting", since, why: message }
          states.put(name, () => ({
            name,
            url,
            session,
            push: { ...push.length > 0 ? waiting : off, pushed: cursors.pushed, skipped: 0 },
            watch: { ...watch ? waiting : off, watched: cursors.watched },
            inboxes: Object.keys(inboxes).map((agent) => ({ agent, ...waiting })),
            credentials: []
          }))
          return Effect.logError(message)
        }).pipe(Effect.annotateLogs({ uplink: name }))
      ),
      Effect.retry(Schedule.spaced("30 seconds")),
      Effect.orDie
    )
    yield* Effect.addFinalizer(() => plane.disconnect)
    const access = yield* PlaneAccess.make(name, settings.token)
    const deposits = Deposits.make(name, inbox, bytes(maxBody))
    const flow = (flow: string) => Flow.make({ uplink: name, flow }, access)
    const shared = { name, plane, access, cursors, deposits }

    const watching = yield* flow("watch")
    const watcher = yield* WatchFlow.make({ ...shared, agent: agents?.[0] ?? defaultAgent, flow: watching })
    if (watch) yield* supervise(`uplink-watch ${name}`)(watcher.run)

    const pushing = yield* flow("push")
    const pusher = PushFlow.make({ ...shared, settings, journal, flow: pushing })
    if (push.length > 0) yield* supervise(`uplink-push ${name}`)(pusher.run)

    const boxes = yield* Effect.forEach(Object.entries(inboxes), ([agent, agentId]) =>
      Effect.gen(function*() {
        const own = yield* flow(`inbox ${agent}`)
        const run = WatchFlow.inbox(agentId, { ...shared, agent: AgentName.make(agent), flow: own })
        yield* supervise(`uplink-inbox ${name} ${agent}`)(run)
        return { agent, flow: own }
      }))

    states.put(name, (): UplinkStatus => ({
      name,
      url,
      session,
      push: { ...push.length > 0 ? pushing.view() : off, pushed: pusher.pushed(), skipped: pusher.skipped() },
      watch: { ...watch ? watching.view() : off, watched: watcher.watched() },
      inboxes: boxes.map(({ agent, flow }) => ({ agent, ...flow.view() })),
      credentials: watcher.credentials()
    }))
  }
)

/** A start waits for none of them. */
export const layer = Layer.effectDiscard(Effect.gen(function*() {
  const { uplinks } = yield* Settings
  const { supervise } = yield* Supervisor
  for (const [name, settings] of Object.entries(uplinks)) {
    yield* supervise(`uplink ${name}`)(Effect.scoped(Effect.andThen(one(name, settings), Effect.never)))
  }
}))

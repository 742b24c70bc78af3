/**
 * Tells each session, about its own view only and once per change, that its tools changed (BEHAVIOUR 2).
 *
 * What was last answered to a session is held, by fingerprint, against the list newly fetched on its own relay session;
 * a change of context, or of what is approved, is held against the cached list and needs no fetch. Sessions with an open stream are refetched 16 at
 * a time; others with their next request.
 */
import { Context, Effect, FiberHandle, FiberSet, Layer, Metric, Option, Semaphore } from "effect"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { changeOf } from "../../domain/Methods.ts"
import { difference, digestOf } from "../../menu/MenuDigest.ts"
import type { NarrowedList } from "../../menu/NarrowedLists.ts"
import { Happenings, ofAgent } from "../../observability/Happenings.ts"
import * as Metrics from "../../observability/Metrics.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { AgentSessions } from "../sessions/AgentSessions.ts"
import { FreshList } from "./FreshList.ts"
import { type MenuSignal, MenuSignals } from "./MenuSignals.ts"
import { SessionMenu } from "./SessionMenu.ts"

/** So many sessions are looked at before others have their turn in the event loop. */
const batchSize = 50

/** A relay may list thousands of tools, and call them what it likes. */
const some = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.slice(0, 50).map((name) => name.slice(0, 128))

export const listChangedMethod = changeOf["tools/list"].notification
export const notificationText = (method: string): string => `{"jsonrpc":"2.0","method":"${method}"}`
export const listChanged = notificationText(listChangedMethod)

/** One for each relay. */
export class ListChanges extends Context.Service<ListChanges, {
  /** Tells at once where the session is behind the times. */
  readonly streamOpened: (session: AgentSession) => Effect.Effect<void>
  /** With each request of the agent: refetches what may be stale. */
  readonly requested: (session: AgentSession) => void
}>()("holdfast/mcp/ListChanges") {
  static readonly layer = Layer.effect(
    ListChanges,
    Effect.gen(function*() {
      const settings = yield* Settings
      const menu = yield* SessionMenu
      const fresh = yield* FreshList
      const registry = yield* AgentSessions
      const signals = yield* MenuSignals
      const deadlines = yield* Deadlines
      const { id: relay } = yield* RelayTarget
      const happenings = yield* Happenings
      const supervisor = yield* Supervisor
      const atATime = yield* Semaphore.make(16)
      yield* Metrics.declare(Metrics.listChanged, {})
      const ownLists = yield* FiberHandle.make()
      const provenTokens = yield* FiberSet.make()

      const tell = (session: AgentSession, list: NarrowedList): void => {
        if (!happenings.heard) return
        const now = digestOf(list)
        const { added, changed, removed } = difference(session.view.shown ?? now, now)
        session.view.shown = now
        happenings.tell("menu.changed", ofAgent(session.agent), {
          relay,
          tools: now.size,
          added: some(added),
          removed: some(removed),
          changed: some(changed),
          rules: some(list.lacking),
          count: 1
        }, session.id)
      }

      const announce = Effect.fnUntraced(function*(session: AgentSession, list: NarrowedList) {
        const { fingerprint } = list
        if (!session.view.isNews(fingerprint) || menu.ignoresListChanged(session)) return
        yield* Metric.update(Metrics.listChanged, 1)
        tell(session, list)
        if (!session.hears(listChangedMethod)) return session.view.announceLater(fingerprint)
        session.view.announced(fingerprint)
        session.log.append(listChanged, listChangedMethod)
      })

      /** Against the last known list. */
      const compareCached = Effect.fnUntraced(function*(session: AgentSession) {
        const last = yield* menu.last(session)
        if (Option.isSome(last)) yield* announce(session, last.value)
      })

      /** Against the list newly fetched; a change that comes meanwhile is looked at afterwards. */
      const compareFresh = Effect.fnUntraced(function*(session: AgentSession) {
        do {
          const list = yield* fresh.fetch(session)
          if (Option.isNone(list)) return yield* retryLater(session)
          yield* announce(session, yield* menu.narrow(session, list.value))
        } while (session.view.fetched())
      })

      /** Of the lists that the agent was answered empty, those that the relay has turn out to be none. */
      const tellUnknown = Effect.fnUntraced(function*(session: AgentSession) {
        const open = yield* Effect.option(session.relay.open)
        // A link that comes back asks again.
        if (Option.isNone(open)) return
        const notifications = new Set<string>()
        for (const method of session.view.unknown) {
          session.view.knows(method)
          const { capability, notification } = changeOf[method]
          if (JsonText.at(open.value.result, ["capabilities", capability]) !== undefined) {
            notifications.add(notification)
          }
        }
        for (const notification of notifications) {
          if (!session.hears(notification)) session.view.notifyLater(notification)
          else session.log.append(notificationText(notification), notification)
        }
      })

      const refetch = (session: AgentSession): void => {
        if (!session.view.mayFetch) return
        session.view.fetching()
        session.inBackground(atATime.withPermit(compareFresh(session)))
      }

      /** No news would be lost for good because one fetch failed; a link that comes back asks by itself. */
      const retryLater = Effect.fnUntraced(function*(session: AgentSession) {
        if (!session.view.fetchFailed()) return
        deadlines.after(yield* session.view.retries.next, () => {
          session.view.retryIsDue()
          if (session.readers > 0) refetch(session)
        })
      })

      const handle = Effect.fnUntraced(function*(batch: ReadonlyArray<MenuSignal>) {
        const sessions = yield* registry.loaded
        const stale = new Set<AgentSession>()
        const compare = new Set<AgentSession>()
        const announced = new Set<AgentSession>()
        const newTokens = new Set<AgentName>()
        let every = false
        for (const signal of batch) {
          switch (signal._tag) {
            case "RelayList":
              stale.add(signal.session)
              if (signal.session.modern) announced.add(signal.session)
              break
            case "LateList":
              compare.add(signal.session)
              break
            case "EveryList":
              every = true
              for (const session of sessions) stale.add(session)
              break
            case "TokenChanged":
              newTokens.add(signal.agent)
              for (const session of sessions) if (session.agent === signal.agent) stale.add(session)
              break
            case "PinsChanged":
              for (const session of sessions) compare.add(session)
              break
            case "ContextChanged":
              for (const session of sessions) if (session.agent === signal.agent) compare.add(session)
          }
        }
        yield* Effect.forEach(compare, compareCached, { discard: true })
        for (const session of new Set([...compare, ...stale])) {
          if (session.view.unknown.length > 0) session.inBackground(tellUnknown(session))
        }
        for (const [index, session] of [...stale].entries()) {
          if (index % batchSize === batchSize - 1) yield* Effect.yieldNow
          session.view.becomeStale()
          // What it is told ahead of its next answer has to be known by then.
          if (session.readers > 0 || announced.has(session)) refetch(session)
        }
        // A relay that is slow to answer holds up nobody else's news.
        if (every) yield* FiberHandle.run(ownLists, fresh.forAgents)
        // Whether the relay takes a token is known before anybody's next call.
        if (newTokens.size > 0) yield* FiberSet.run(provenTokens, fresh.prove(newTokens))
      })

      yield* signals.takeAll.pipe(
        Effect.flatMap((first) =>
          Effect.andThen(
            Effect.sleep(settings.menu.coalesce),
            Effect.map(signals.takeMore, (more) => [...first, ...more])
          )
        ),
        Effect.flatMap(handle),
        Effect.forever,
        supervisor.supervise("list-changes")
      )

      return ListChanges.of({
        streamOpened: Effect.fnUntraced(function*(session) {
          session.view.forgetNews()
          yield* compareCached(session)
          refetch(session)
        }),
        requested: refetch
      })
    })
  )
}

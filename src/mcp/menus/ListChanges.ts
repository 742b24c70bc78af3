/**
 * Tells each session, about its own view only and once per change, that its tools changed (BEHAVIOUR 2).
 *
 * What was last answered to a session is held, by fingerprint, against the list newly fetched on its own relay session;
 * a change of context is held against the kept list and needs no fetch. Sessions with an open stream are refetched 16 at
 * a time; others with their next request.
 */
import { Context, Effect, FiberHandle, FiberSet, Layer, Metric, Option, Semaphore } from "effect"
import { Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as Fingerprint from "../../menu/Fingerprint.ts"
import * as Metrics from "../../observability/Metrics.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { AgentSessions } from "../sessions/AgentSessions.ts"
import { FreshList } from "./FreshList.ts"
import { type MenuSignal, MenuSignals } from "./MenuSignals.ts"
import { SessionMenu } from "./SessionMenu.ts"

export const listChangedMethod = "notifications/tools/list_changed"
export const listChanged = `{"jsonrpc":"2.0","method":"${listChangedMethod}"}`

/** Between two fetches of a list that could not be had, milliseconds. */
const retryBase = 2000
const retryCap = 5 * 60_000

/** One for each relay. */
export class ListChanges extends Context.Service<ListChanges, {
  /** Tells at once where the session is behind the times. */
  readonly streamOpened: (session: AgentSession) => Effect.Effect<void>
  /** With each request of the agent: refetches what may be stale; what is due ahead of the answer. */
  readonly requested: (session: AgentSession) => Effect.Effect<void>
  /** Takes what is due, where no stream is open to send it on. */
  readonly due: (session: AgentSession) => Effect.Effect<boolean>
}>()("holdfast/mcp/ListChanges") {
  static readonly layer = Layer.effect(
    ListChanges,
    Effect.gen(function*() {
      const settings = yield* Settings
      const menu = yield* SessionMenu
      const fresh = yield* FreshList
      const registry = yield* AgentSessions
      const signals = yield* MenuSignals
      const supervisor = yield* Supervisor
      const atATime = yield* Semaphore.make(16)
      yield* Metrics.declare(Metrics.listChanged, {})
      const ownLists = yield* FiberHandle.make()
      const provenTokens = yield* FiberSet.make()

      const announce = Effect.fnUntraced(function*(session: AgentSession, fingerprint: string) {
        if (!session.view.isNews(fingerprint) || menu.ignoresListChanged(session)) return
        session.view.announced = fingerprint
        yield* Metric.update(Metrics.listChanged, 1)
        if (session.readers > 0) return yield* session.log.append(listChanged, listChangedMethod)
        session.view.pending = true
      })

      /** Against the last known list. */
      const compareKept = Effect.fnUntraced(function*(session: AgentSession) {
        const last = yield* menu.last(session)
        if (Option.isSome(last)) yield* announce(session, Fingerprint.of(last.value.result))
      })

      /** Against the list newly fetched; a change that comes meanwhile is looked at afterwards. */
      const compareFresh = Effect.fnUntraced(function*(session: AgentSession) {
        const { view } = session
        while (view.stale) {
          view.stale = false
          const list = yield* fresh.fetch(session)
          if (Option.isNone(list)) {
            view.stale = true
            return yield* later(session)
          }
          view.failures = 0
          yield* announce(session, yield* menu.fingerprint(session, list.value))
        }
      })

      const look = (session: AgentSession): Effect.Effect<void> =>
        Effect.suspend(() => {
          const { view } = session
          if (view.looking || !view.stale || view.answered === undefined) return Effect.void
          view.looking = true
          return compareFresh(session).pipe(
            Semaphore.withPermit(atATime),
            Effect.ensuring(Effect.sync(() => {
              view.looking = false
            })),
            FiberSet.run(session.work),
            Effect.asVoid
          )
        })

      /** No news would be lost for good because one fetch failed; a link that comes back asks by itself. */
      const later = (session: AgentSession) =>
        Effect.suspend(() => {
          const { view } = session
          if (view.retrying) return Effect.void
          view.retrying = true
          return Effect.sleep(Math.min(retryBase * 2 ** view.failures++, retryCap)).pipe(
            Effect.andThen(Effect.suspend(() => {
              view.retrying = false
              return session.readers > 0 ? look(session) : Effect.void
            })),
            FiberSet.run(session.work),
            Effect.asVoid
          )
        })

      const lookAgain = (sessions: ReadonlyArray<AgentSession>) => {
        for (const session of sessions) session.view.stale = true
        return Effect.forEach(sessions.filter((session) => session.readers > 0), look, { discard: true })
      }

      const handle = Effect.fnUntraced(function*(batch: ReadonlyArray<MenuSignal>) {
        const sessions = yield* registry.loaded
        const refetch = new Set<AgentSession>()
        const compare = new Set<AgentSession>()
        const newTokens = new Set<AgentName>()
        let every = false
        for (const signal of batch) {
          switch (signal._tag) {
            case "RelayList":
              refetch.add(signal.session)
              break
            case "LateList":
              compare.add(signal.session)
              break
            case "EveryList":
              every = true
              for (const session of sessions) refetch.add(session)
              break
            case "TokenChanged":
              newTokens.add(signal.agent)
              for (const session of sessions) if (session.agent === signal.agent) refetch.add(session)
              break
            case "ContextChanged":
              for (const session of sessions) if (session.agent === signal.agent) compare.add(session)
          }
        }
        yield* Effect.forEach(compare, compareKept, { discard: true })
        yield* lookAgain([...refetch])
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
          session.view.pending = false
          session.view.announced = undefined
          yield* compareKept(session)
          yield* look(session)
        }),
        requested: look,
        due: (session) =>
          Effect.sync(() => {
            const due = session.view.pending
            session.view.pending = false
            return due
          })
      })
    })
  )
}

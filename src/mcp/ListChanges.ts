/**
 * Tells each session, about its own view only and once per change, that its tools changed (BEHAVIOUR 2).
 *
 * What was last answered to a session is held, by fingerprint, against the list newly fetched on its own relay session;
 * a change of context is held against the kept list and needs no fetch. Sessions with an open stream are refetched 16 at
 * a time; others with their next request.
 */
import { Context, Effect, FiberSet, Layer, Metric, Option, Semaphore } from "effect"
import { Settings } from "../config/Settings.ts"
import * as Fingerprint from "../menu/Fingerprint.ts"
import * as Metrics from "../observability/Metrics.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import type { AgentSession } from "./AgentSession.ts"
import { AgentSessions } from "./AgentSessions.ts"
import { FreshList } from "./FreshList.ts"
import { type MenuSignal, MenuSignals } from "./MenuSignals.ts"
import { SessionMenu } from "./SessionMenu.ts"

const method = "notifications/tools/list_changed"
export const listChanged = `{"jsonrpc":"2.0","method":"${method}"}`

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
      const scope = yield* Effect.scope
      const fetching = yield* Semaphore.make(1)

      const announce = Effect.fnUntraced(function*(session: AgentSession, fingerprint: string) {
        if (!session.view.isNews(fingerprint) || menu.ignoresListChanged(session)) return
        session.view.announced = fingerprint
        yield* Metric.update(Metrics.listChanged, 1)
        if (session.readers > 0) return yield* session.log.append(listChanged, method)
        session.view.pending = true
      })

      /** Against the last known list. */
      const compareKept = Effect.fnUntraced(function*(session: AgentSession) {
        const last = yield* menu.last(session)
        if (Option.isSome(last)) yield* announce(session, Fingerprint.of(last.value.result))
      })

      const compareFresh = Effect.fnUntraced(function*(session: AgentSession) {
        if (session.view.answered === undefined) return
        const list = yield* fresh.fetch(session)
        if (Option.isNone(list)) return
        session.view.stale = false
        yield* announce(session, yield* menu.fingerprint(session, list.value))
      })

      const lookAgain = (sessions: ReadonlyArray<AgentSession>) => {
        for (const session of sessions) session.view.stale = true
        return Effect.forEach(sessions.filter((session) => session.readers > 0), compareFresh, {
          concurrency: 16,
          discard: true
        })
      }

      const handle = Effect.fnUntraced(function*(batch: ReadonlyArray<MenuSignal>) {
        const sessions = yield* registry.loaded
        const refetch = new Set<AgentSession>()
        const compare = new Set<AgentSession>()
        let everyList = false
        for (const signal of batch) {
          switch (signal._tag) {
            case "RelayList":
              refetch.add(signal.session)
              break
            case "LateList":
              compare.add(signal.session)
              break
            case "EveryList":
              everyList = true
              for (const session of sessions) refetch.add(session)
              break
            case "TokenChanged":
              for (const session of sessions) if (session.agent === signal.agent) refetch.add(session)
              break
            case "ContextChanged":
              for (const session of sessions) if (session.agent === signal.agent) compare.add(session)
          }
        }
        yield* Effect.forEach(compare, compareKept, { discard: true })
        // A relay that is slow to list must not hold up what a change of context has to tell.
        yield* (everyList ? fresh.forAgents : Effect.void).pipe(
          Effect.andThen(lookAgain([...refetch])),
          fetching.withPermit,
          Effect.forkIn(scope)
        )
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
          if (session.view.stale) yield* FiberSet.run(session.work, compareFresh(session))
        }),
        requested: (session) =>
          session.view.stale && session.readers === 0
            ? Effect.asVoid(FiberSet.run(session.work, compareFresh(session)))
            : Effect.void,
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

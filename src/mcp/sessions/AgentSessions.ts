/**
 * The sessions of one relay's agents: made by initialize, found again after our own restart, ended by DELETE or by age
 * (BEHAVIOUR 3).
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Option, Schedule, Scope, Semaphore } from "effect"
import { randomUUID } from "node:crypto"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import { type AgentName, SessionId } from "../../domain/Ids.ts"
import type { Request } from "../../domain/Message.ts"
import { Happenings, type HappeningType, ofAgent } from "../../observability/Happenings.ts"
import { RelaySessions } from "../../relay/session/RelaySession.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { EventLogs } from "../streams/EventLogs.ts"
import { type AgentSession, make } from "./AgentSession.ts"
import { SessionStore, type StoredSummary } from "./SessionStore.ts"

/** What is known of an agent that has no session. */
export type NewContext = Pick<AgentSession["saved"], "id" | "agent" | "initialize" | "protocol_version">

/** One session as a person sees it. Times are milliseconds since the epoch. */
export interface SessionSummary extends Omit<StoredSummary, "openedAt"> {
  /** `null` for what is kept for an agent of the modern era, which has no session. */
  readonly openedAt: number | null
  /** Connections that read its stream. */
  readonly streams: number
}

/** For the last words to reach their connections, which are closed afterwards. */
const lastWordsTake = "100 millis"

/** Sessions, and contexts of the modern era, that one agent may have at one relay. */
const maxOfAgent = 2_000

/** A client may give itself any name. */
const maxClientName = 100

/** One for each relay. */
export class AgentSessions extends Context.Service<AgentSessions, {
  /** Not yet on disk: `keep` puts it there once its initialize is answered, unless it has ended by then. */
  readonly create: (agent: AgentName, initialize: Request) => Effect.Effect<AgentSession>
  readonly keep: (session: AgentSession) => Effect.Effect<void>
  /** The one of this id, made where there is none: for agents that have no sessions. */
  readonly context: (about: NewContext) => Effect.Effect<AgentSession>
  /** One that is loaded, marked as used; most requests find theirs so. */
  readonly findLoaded: (agent: AgentName, id: string) => AgentSession | undefined
  /** Loaded or on disk; marks it as used. */
  readonly find: (agent: AgentName, id: string) => Effect.Effect<Option.Option<AgentSession>>
  /** Its streams end, and no request finds it any more; those that are under way run on. */
  readonly end: (session: AgentSession) => Effect.Effect<void>
  /** All that this agent has: its streams end, its requests under way are abandoned. */
  readonly endAll: (agent: AgentName) => Effect.Effect<void>
  /** Those in memory: used since the daemon started. */
  readonly loaded: Effect.Effect<ReadonlyArray<AgentSession>>
  /** How many there are, and how many have an open stream. */
  readonly totals: Effect.Effect<{ readonly count: number; readonly streams: number }>
  readonly countOf: (agent: AgentName) => Effect.Effect<number>
  /** The most recently used ones first, those of the modern era among them. */
  readonly recent: (limit: number) => Effect.Effect<ReadonlyArray<SessionSummary>>
  /** Ends what agents of the modern era listen to, in words of the protocol. */
  readonly endListening: Effect.Effect<void>
  /** Ends the requests that are under way, each with its answer: Holdfast stops. */
  readonly stopRequests: Effect.Effect<void>
  /** Done once no request of any session is under way. */
  readonly idle: Effect.Effect<void>
}>()("holdfast/mcp/AgentSessions") {
  static readonly layer = Layer.effect(
    AgentSessions,
    Effect.gen(function*() {
      const { sessions: settings } = yield* Settings
      const store = yield* SessionStore
      const { id: relay } = yield* RelayTarget
      const happenings = yield* Happenings
      const supervisor = yield* Supervisor
      const parts = yield* Effect.context<EventLogs | RelaySessions>()
      const fork = Effect.runForkWith(yield* Effect.context())
      const parent = yield* Effect.scope
      const loaded = new Map<SessionId, { readonly session: AgentSession; readonly scope: Scope.Closeable }>()
      const retired = new Set<{ readonly session: AgentSession; readonly scope: Scope.Closeable }>()
      const underWay = () => [...loaded.values(), ...retired]
      const loading = yield* Semaphore.make(1)
      const clock = yield* Clock.Clock
      const now = Clock.currentTimeMillis
      /** Made for an `initialize` that is not answered yet. */
      const unopened = new WeakSet<AgentSession>()

      const tell = (
        what: Extract<HappeningType, `session.${string}`>,
        session: AgentSession,
        relaySession = session.relay.openNow() !== undefined
      ): void => {
        const { agent, clientName, id, modern } = session
        const client = clientName.slice(0, maxClientName)
        const era = modern ? "modern" as const : "legacy" as const
        happenings.tell(what, ofAgent(agent), { relay, client, era, relaySession }, id)
      }

      const load = Effect.fnUntraced(function*(saved: AgentSession["saved"]) {
        const scope = yield* Scope.fork(parent)
        // `parts` is all of the context, the scope of the relay included, so the session's own has to be nearer.
        const session = yield* make(saved, fork, (session, what) => {
          tell(`session.${what}`, session, what === "reopened")
        }).pipe(Scope.provide(scope), Effect.provide(parts))
        session.used(yield* now)
        loaded.set(session.id, { session, scope })
        return session
      })

      const unload = Effect.fnUntraced(function*(id: SessionId) {
        const entry = loaded.get(id)
        if (entry === undefined) return
        loaded.delete(id)
        yield* Scope.close(entry.scope, Exit.void)
      })

      /** Unloads it for good. What was not loaded is known by its id alone, and goes without a word. */
      const ended = (id: SessionId) =>
        Effect.suspend(() => {
          const session = loaded.get(id)?.session
          if (session !== undefined && !unopened.has(session)) tell("session.ended", session)
          return unload(id)
        })

      /** No request finds it any more. Those that are under way run on: an answer outlives its call (BEHAVIOUR 5). */
      const retire = Effect.fnUntraced(function*(id: SessionId) {
        const entry = loaded.get(id)
        if (entry?.session.isBusy !== true) return yield* ended(id)
        if (!unopened.has(entry.session)) tell("session.ended", entry.session)
        loaded.delete(id)
        retired.add(entry)
        entry.session.log.end()
        entry.session.endRelayStream()
        const end = Effect.andThen(Scope.close(entry.scope, Exit.void), Effect.sync(() => retired.delete(entry)))
        yield* Effect.forkIn(Effect.andThen(entry.session.idle, end), parent)
      })

      /** On disk at most once a minute: the hot path writes nothing. */
      const use = (session: AgentSession): void => {
        const at = clock.currentTimeMillisUnsafe()
        if (at - session.usedAt < 60_000) return
        session.used(at)
        session.inBackground(store.used(session.id))
      }

      const findLoaded = (agent: AgentName, id: string): AgentSession | undefined => {
        const session = id === "" ? undefined : loaded.get(SessionId.make(id))?.session
        if (session?.agent !== agent) return undefined
        use(session)
        return session
      }

      const expire = Effect.gen(function*() {
        // An open stream is not idle.
        for (const { session } of loaded.values()) if (session.readers > 0) use(session)
        for (const id of yield* store.expired(Duration.toMillis(settings.expireAfter), settings.max)) {
          yield* ended(id)
          yield* store.remove(id)
        }
        const at = yield* now
        for (const { session } of loaded.values()) {
          const idle = at - session.usedAt > Duration.toMillis(Duration.hours(1))
          if (idle && !session.isInUse) yield* unload(session.id)
        }
      })
      yield* Effect.schedule(expire, Schedule.spaced("10 minutes")).pipe(supervisor.supervise("session-expiry"))

      /** An agent that opens more and more of them loses its own least recently used ones, and nobody else's. */
      const makeRoom = Effect.fnUntraced(function*(agent: AgentName) {
        for (const id of yield* store.beyond(agent, maxOfAgent - 1)) {
          const session = loaded.get(id)?.session
          if (session?.isInUse === true) continue
          yield* ended(id)
          yield* store.remove(id)
        }
        // What was never written to disk is in memory alone.
        const own = [...loaded.values()].filter(({ session }) => session.agent === agent)
        if (own.length < maxOfAgent) return
        const idle = own.filter(({ session }) => !session.isInUse)
          .sort((one, other) => one.session.usedAt - other.session.usedAt)
        for (const { session } of idle.slice(0, own.length - maxOfAgent + 1)) yield* ended(session.id)
      })

      return AgentSessions.of({
        findLoaded,
        create: Effect.fnUntraced(function*(agent, initialize) {
          yield* makeRoom(agent)
          const session = yield* load({
            id: SessionId.make(randomUUID()),
            agent,
            initialize: initialize.text,
            protocol_version: String(initialize.params["protocolVersion"] ?? ""),
            roots: null,
            log_level: null,
            subscriptions: [],
            fingerprint: null
          })
          unopened.add(session)
          return session
        }),
        keep: (session) =>
          Effect.suspend(() => {
            if (!loaded.has(session.id)) return Effect.void
            unopened.delete(session)
            tell("session.opened", session)
            return store.save(session.saved)
          }),
        context: Effect.fnUntraced(function*(about) {
          const known = findLoaded(about.agent, about.id)
          if (known !== undefined) return known
          return yield* loading.withPermits(1)(Effect.gen(function*() {
            const again = loaded.get(about.id)?.session
            if (again !== undefined) return again
            const saved = yield* store.find(about.agent, about.id)
            if (Option.isNone(saved)) yield* makeRoom(about.agent)
            const session = yield* load({
              ...about,
              roots: null,
              log_level: null,
              subscriptions: [],
              fingerprint: Option.isSome(saved) ? saved.value.fingerprint : null
            })
            if (Option.isNone(saved)) tell("session.opened", session)
            // Since then the relay's list may have changed unseen.
            else session.view.becomeStale()
            return session
          }))
        }),
        find: Effect.fnUntraced(function*(agent, id) {
          if (id === "") return Option.none()
          if (loaded.has(SessionId.make(id))) return Option.fromUndefinedOr(findLoaded(agent, id))
          return yield* loading.withPermits(1)(Effect.gen(function*() {
            const again = loaded.get(SessionId.make(id))?.session
            if (again !== undefined) return again.agent === agent ? Option.some(again) : Option.none()
            const saved = yield* store.find(agent, id)
            if (Option.isNone(saved)) return Option.none()
            yield* store.used(saved.value.id)
            const session = yield* load(saved.value)
            // Since then the relay's list may have changed unseen.
            session.view.becomeStale()
            return Option.some(session)
          }))
        }),
        end: (session) => Effect.andThen(store.remove(session.id), retire(session.id)),
        endAll: Effect.fnUntraced(function*(agent) {
          yield* store.removeAgent(agent)
          for (const { session } of loaded.values()) if (session.agent === agent) yield* ended(session.id)
          for (const { scope, session } of retired) if (session.agent === agent) yield* Scope.close(scope, Exit.void)
        }),
        loaded: Effect.sync(() => [...loaded.values()].map(({ session }) => session)),
        totals: Effect.map(store.count, (count) => {
          const streams = [...loaded.values()].filter(({ session }) => session.readers > 0).length
          return { count, streams }
        }),
        countOf: store.countOf,
        recent: Effect.fnUntraced(function*(limit) {
          const stored = (yield* store.recent(limit)).map((one) => ({
            ...one,
            streams: loaded.get(one.id)?.session.readers ?? 0
          }))
          const modern = [...loaded.values()].flatMap(({ session }) =>
            !session.modern ? [] : [{
              id: session.id,
              agent: session.agent,
              client: session.clientName.slice(0, 100),
              clientVersion: "",
              protocol: session.protocolVersion,
              openedAt: null,
              usedAt: Math.floor(session.usedAt),
              streams: session.readers
            }]
          )
          return [...stored, ...modern].sort((one, other) => other.usedAt - one.usedAt).slice(0, limit)
        }),
        endListening: Effect.suspend(() => {
          const listening = [...loaded.values()].filter(({ session }) => session.modern && session.readers > 0)
          return listening.length === 0 ? Effect.void : Effect.andThen(
            Effect.sync(() => listening.forEach(({ session }) => session.log.end())),
            Effect.sleep(lastWordsTake)
          )
        }),
        stopRequests: Effect.suspend(() =>
          Effect.forEach(underWay(), ({ session }) => session.stopRequests, { discard: true, concurrency: 16 })
        ),
        idle: Effect.suspend(() => Effect.forEach(underWay(), ({ session }) => session.idle, { discard: true }))
      })
    })
  )
}

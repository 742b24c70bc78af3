/**
 * One agent's MCP session: ours, on disk, over relay sessions that come and go (BEHAVIOUR 3).
 *
 * A call runs in the session's scope, not its request's: a dropped connection is no cancellation. The session alone
 * writes its state.
 */
import { Effect, type Fiber, Schema, Scope } from "effect"
import { createHash } from "node:crypto"
import type { AgentName, SessionId } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import * as Questions from "../../domain/Questions.ts"
import * as TasksExtension from "../../domain/TasksExtension.ts"
import { type RelaySession, RelaySessions } from "../../relay/session/RelaySession.ts"
import type { EventLog } from "../streams/EventLog.ts"
import { EventLogs } from "../streams/EventLogs.ts"
import { MenuView } from "./MenuView.ts"
import { RelayQuestions } from "./RelayQuestions.ts"
import { type Fork, SessionFibers } from "./SessionFibers.ts"
import type { SavedSession } from "./SessionStore.ts"

const InitializeParams = Schema.fromJsonString(Schema.Struct({
  params: Schema.optionalKey(Schema.Struct({
    clientInfo: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(Schema.String) }))
  }))
}))
const decodeParams = Schema.decodeUnknownOption(InitializeParams)

/** Begins the ids of what is kept for agents without sessions; no session is called so. */
export const contextPrefix = "context-"

interface Parts {
  readonly relay: RelaySession
  readonly fibers: SessionFibers
  readonly log: EventLog
}

/** What a listener is told of: changes of lists, by their notifications; resources; tasks of the relay. */
export interface Watched {
  readonly lists: ReadonlyArray<string>
  readonly uris: ReadonlyArray<string>
  readonly tasks: ReadonlyArray<string>
}

export class AgentSession {
  readonly id: SessionId
  readonly agent: AgentName
  readonly initialize: string
  readonly clientName: string
  /** Not a session that the agent knows of: it speaks the modern era, which has none. */
  readonly modern: boolean
  /** A digest of the client's capabilities: relays register tools by capability. */
  readonly capabilities: string
  /** Whether its client declares that it can be asked anything. */
  readonly canBeAsked: boolean
  /** Whether a call of it may be answered with a task. */
  readonly takesTasks: boolean
  readonly relay: RelaySession
  /** What goes to the agent on its own stream; survives the connections that read it. */
  readonly log: EventLog
  readonly view: MenuView
  /** The relay's requests that the agent has yet to answer, with the relay session they came on. */
  readonly questions = new RelayQuestions()
  readonly #fibers: SessionFibers
  #twice = 0
  #protocolVersion: string
  #readers = 0
  #usedAt = 0
  #roots: string | undefined
  #logLevel: string | undefined
  #subscriptions: ReadonlyArray<string>
  #isStopping = false
  /** What agents of the modern era listen for, and how many do. */
  #watched: Readonly<Record<keyof Watched, Map<string, number>>> | undefined

  constructor(saved: SavedSession, parts: Parts) {
    this.id = saved.id
    this.agent = saved.agent
    this.initialize = saved.initialize
    this.modern = saved.id.startsWith(contextPrefix)
    const params = decodeParams(saved.initialize)
    this.clientName = params._tag === "Some" ? params.value.params?.clientInfo?.name ?? "" : ""
    const capabilities = JsonText.at(saved.initialize, ["params", "capabilities"]) ?? "{}"
    this.capabilities = digest(capabilities)
    this.canBeAsked = Questions.canBeAsked(capabilities)
    this.takesTasks = this.modern && TasksExtension.isDeclaredIn(capabilities)
    this.relay = parts.relay
    this.log = parts.log
    this.view = new MenuView(saved.fingerprint ?? undefined)
    this.#fibers = parts.fibers
    this.#protocolVersion = saved.protocol_version
    this.#roots = saved.roots ?? undefined
    this.#logLevel = saved.log_level ?? undefined
    this.#subscriptions = saved.subscriptions
  }

  get saved(): SavedSession {
    return {
      id: this.id,
      agent: this.agent,
      initialize: this.initialize,
      protocol_version: this.#protocolVersion,
      roots: this.#roots ?? null,
      log_level: this.#logLevel ?? null,
      subscriptions: this.#subscriptions,
      fingerprint: this.view.answered ?? null
    }
  }

  /** What has to be said again to a relay that has forgotten us. */
  get replay(): ReadonlyArray<string> {
    return [this.#roots, this.#logLevel, ...this.#subscriptions].filter((text) => text !== undefined)
  }

  /** What the agent was answered, or asks for while it is not; the relay session's own may differ. */
  get protocolVersion(): string {
    return this.#protocolVersion
  }

  negotiated(version: string): void {
    this.#protocolVersion = version
  }

  /** Connections that read `log`; the newest one counts. */
  get readers(): number {
    return this.#readers
  }

  readerCame(): void {
    this.#readers++
  }

  /** Whether a stream is open on which this change of a list is told. */
  hears(notification: string): boolean {
    return this.modern ? this.#watched?.lists.has(notification) === true : this.#readers > 0
  }

  /** How many are left. */
  readerLeft(): number {
    return --this.#readers
  }

  get usedAt(): number {
    return this.#usedAt
  }

  used(at: number): void {
    this.#usedAt = at
  }

  /** A request under way has this id; an agent that uses it for another gets that under an id of ours. */
  relayIdFor(id: string): string | undefined {
    return this.#fibers.hasRequest(id) ? `"holdfast-twice-${++this.#twice}"` : undefined
  }

  /** Runs a request under `name`; the session's end, and a stop, wait for it or cancel it. */
  runRequest(name: string, run: Effect.Effect<unknown>): Fiber.Fiber<unknown> {
    return this.#fibers.request(name, run)
  }

  /** Forks work that nobody waits for; it ends with the session. */
  inBackground<A>(work: Effect.Effect<A>): Fiber.Fiber<A> {
    return this.#fibers.inBackground(work)
  }

  /** Runs what holds the relay's own stream to this session, unless that runs already. */
  holdRelayStream(hold: Effect.Effect<unknown>): void {
    this.#fibers.holdStream(hold)
  }

  /** Runs it in the place of the one that runs. */
  replaceRelayStream(hold: Effect.Effect<unknown>): void {
    this.#fibers.replaceStream(hold)
  }

  endRelayStream(): void {
    this.#fibers.endStream()
  }

  /** Requests are under way. */
  get isBusy(): boolean {
    return this.#fibers.isBusy
  }

  /** Somebody reads its stream or waits for an answer, so it must not make room for another. */
  get isInUse(): boolean {
    return this.#readers > 0 || this.#fibers.isBusy
  }

  /** Holdfast stops: requests that are ended now are answered with that. */
  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Ends what is under way and answers it, since Holdfast stops; all are answered when this returns. */
  get stopRequests(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isStopping = true
      return this.#fibers.interruptRequests
    })
  }

  /** Ends the request of that id; it is done when this returns. */
  cancel(id: string): Effect.Effect<void> {
    return this.#fibers.cancelRequest(id)
  }

  /** Returns once no request is under way. */
  get idle(): Effect.Effect<void> {
    return this.#fibers.idle
  }

  setRoots(notification: string): void {
    this.#roots = notification
  }

  setLogLevel(request: Request): void {
    this.#logLevel = replayed(request)
  }

  subscribe(request: Request): void {
    this.unsubscribe(request)
    this.#subscriptions = [...this.#subscriptions, replayed(request)]
  }

  unsubscribe({ text }: Request): void {
    const uri = JsonText.at(text, ["params", "uri"])
    this.#subscriptions = this.#subscriptions.filter((text) => JsonText.at(text, ["params", "uri"]) !== uri)
  }

  /** The requests that subscribe to what is subscribed to. */
  get subscriptions(): ReadonlyArray<string> {
    return this.#subscriptions
  }

  /** The relay's tasks that are listened for. */
  get watchedTasks(): ReadonlyArray<string> {
    return [...this.#watched?.tasks.keys() ?? []]
  }

  /** A further listener for these; whether the relay has to be asked for some of them. */
  watch({ lists, tasks, uris }: Watched): boolean {
    const watched = this.#watched ??= { lists: new Map(), uris: new Map(), tasks: new Map() }
    counted(watched.lists, lists)
    const isNew = [counted(watched.uris, uris), counted(watched.tasks, tasks)]
    this.#subscribeToWatched(uris)
    return isNew.includes(true)
  }

  unwatch(gone: Watched): void {
    for (const kind of ["lists", "uris", "tasks"] as const) {
      const watched = this.#watched?.[kind]
      for (const name of gone[kind]) {
        const count = (watched?.get(name) ?? 0) - 1
        if (count > 0) watched?.set(name, count)
        else watched?.delete(name)
      }
    }
    this.#subscribeToWatched(gone.uris)
  }

  #subscribeToWatched(changed: ReadonlyArray<string>): void {
    if (changed.length > 0) this.#subscriptions = [...this.#watched?.uris.keys() ?? []].map(subscription)
  }
}

/** What is said again to a new relay session has an id of its own there. */
const replayed = (request: Request): string => JsonText.set(request.text, ["id"], `"holdfast-replay-${request.method}"`)

/** Whether some of them are new. */
const counted = (watched: Map<string, number>, names: ReadonlyArray<string>): boolean => {
  const before = watched.size
  for (const name of names) watched.set(name, (watched.get(name) ?? 0) + 1)
  return watched.size > before
}

const subscription = (uri: string): string =>
  `{"jsonrpc":"2.0","id":"holdfast-watch","method":"resources/subscribe","params":{"uri":${JSON.stringify(uri)}}}`

const digest = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, 16)

/** Alive while the scope is open; its end also ends the relay session. */
export const make = Effect.fnUntraced(function*(
  saved: SavedSession,
  fork: Fork,
  onRelaySession: (session: AgentSession, what: "lost" | "reopened") => void
): Effect.fn.Return<
  AgentSession,
  never,
  EventLogs | RelaySessions | Scope.Scope
> {
  const logs = yield* EventLogs
  const relaySessions = yield* RelaySessions
  const modern = saved.id.startsWith(contextPrefix)
  // The seed is asked for when a relay session opens, which is after the session exists.
  let session: AgentSession | undefined
  const relay = yield* relaySessions.make({
    agent: saved.agent,
    era: modern ? "modern" : "legacy",
    seed: Effect.sync(() => ({
      initialize: saved.initialize,
      replay: session?.replay ?? [],
      tasks: session?.watchedTasks ?? []
    })),
    onChange: (what) => {
      if (session !== undefined) onRelaySession(session, what)
    }
  })
  const fibers = new SessionFibers(fork)
  const end = Effect.andThen(Effect.suspend(() => fibers.close), Effect.sync(() => logs.forgetSession(saved.id)))
  // Not by `Effect.addFinalizer`, which would hold a copy of the whole context for each session.
  yield* Scope.addFinalizer(yield* Effect.scope, end)
  session = new AgentSession(saved, {
    relay,
    fibers,
    // Each `subscriptions/listen` of an agent is told everything; of a session's streams, one.
    log: logs.make({ session: saved.id, shared: modern })
  })
  return session
})

/**
 * A stream of the relay for each agent some of whose clients hold a menu and open no stream themselves: what the relay
 * announces is heard all the same, and those clients are told ahead of their next answer (BEHAVIOUR 2, fourth handler).
 *
 * One for an agent, however many clients of it there are, on a relay session of Holdfast's own. Opened again whenever it
 * ends; let go of once nobody needs it.
 */
import { Clock, Context, Duration, Effect, FiberMap, FiberSet, Layer, Result, Stream } from "effect"
import { Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as Message from "../../domain/Message.ts"
import { changeOf, listChanges } from "../../domain/Methods.ts"
import { ownInitialize } from "../../domain/OwnInitialize.ts"
import * as Questions from "../../domain/Questions.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import { RelaySessions } from "../../relay/session/RelaySession.ts"
import * as Backoff from "../../supervision/Backoff.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { AgentSessions } from "../sessions/AgentSessions.ts"
import { MenuSignals } from "./MenuSignals.ts"

/** A client that listens does so right after its first list. */
const listensWithin = Duration.toMillis("2 seconds")
/** How often it is looked whether anybody needs it still. */
const lookEvery = "10 minutes"
/** Between attempts to open it again: 1, 2, 4 .. 30 s, and 1 s after one that held. */
const reopenings = Backoff.exponential({ base: "1 second", max: "30 seconds" })
const heldAfter = 60_000
/** A relay that had no stream to give is asked again after this, or when the link comes back. */
const askAgainAfter = Duration.minutes(5)

const toolsChanged = changeOf["tools/list"].notification

/** One for each relay. */
export class OwnStreams extends Context.Service<OwnStreams, {
  /** A client without a session may hold a menu from now on: it was answered one, or has one from before a restart. */
  readonly holdsMenu: (session: AgentSession) => void
}>()("holdfast/mcp/OwnStreams") {
  static readonly layer = Layer.effect(OwnStreams, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const { menu: { ignoresListChanged } } = yield* Settings
  const sessions = yield* AgentSessions
  const relaySessions = yield* RelaySessions
  const client = yield* RelayClient
  const link = yield* RelayLink
  const signals = yield* MenuSignals
  const deadlines = yield* Deadlines
  const streams = yield* FiberMap.make<AgentName>()
  const run = yield* FiberMap.runtime(streams)()
  const inBackground = yield* FiberSet.runtime(yield* FiberSet.make())()
  const becomesUp = (states: typeof link.changes) =>
    Stream.runHead(Stream.filter(states, (state) => state._tag === "Up"))

  const needsIt = ({ clientName, modern, readers, view }: AgentSession): boolean =>
    modern && readers === 0 && view.answered !== undefined && !ignoresListChanged.includes(clientName)

  const needing = (agent: AgentName) =>
    Effect.map(sessions.loaded, (all) => all.filter((session) => session.agent === agent && needsIt(session)))

  const heard = Effect.fnUntraced(function*(agent: AgentName, method: string) {
    for (const session of yield* needing(agent)) {
      if (method === toolsChanged) yield* signals.offer({ _tag: "RelayList", session })
      else session.view.notifyLater(method)
    }
  })

  /** One connection, to its end. What was said while there was none is lost, so the lists are looked at. */
  const pump = Effect.fnUntraced(function*(agent: AgentName) {
    yield* becomesUp(link.changes)
    const seed = Effect.succeed({ initialize: ownInitialize, replay: [] })
    const relay = yield* relaySessions.make({ agent, era: "modern", seed })
    const { answer } = yield* client.stream(relay, undefined)
    if (answer.body._tag !== "Sse") return
    yield* heard(agent, toolsChanged)
    yield* answer.body.events.until(({ data }) => {
      const message = Result.getOrUndefined(Message.parse(data))
      if (message?._tag === "Notification" && listChanges.has(message.method)) {
        inBackground(heard(agent, message.method))
      }
      // Nobody stands behind this stream who could be asked.
      if (message?._tag === "Request") {
        inBackground(Effect.ignore(client.notify(relay, Questions.unanswerable(message))))
      }
      return undefined
    })
  }, Effect.scoped)

  const hold = Effect.fnUntraced(function*(agent: AgentName) {
    const backoff = Backoff.make(reopenings)
    while ((yield* needing(agent)).length > 0) {
      const from = yield* Clock.currentTimeMillis
      const ended = yield* Effect.result(pump(agent))
      if ((yield* Clock.currentTimeMillis) - from >= heldAfter) backoff.reset()
      const refused = ended._tag === "Failure" && ended.failure.reason._tag === "NoStream"
      if (refused) yield* Effect.timeoutOption(becomesUp(Stream.drop(link.changes, 1)), askAgainAfter)
      else yield* Effect.sleep(yield* backoff.next)
    }
  })

  const unneeded = (agent: AgentName): Effect.Effect<void> =>
    Effect.flatMap(
      Effect.andThen(Effect.sleep(lookEvery), needing(agent)),
      (all) => all.length === 0 ? Effect.void : unneeded(agent)
    )

  const start = (agent: AgentName) =>
    void run(agent, Effect.raceFirst(hold(agent), unneeded(agent)), { onlyIfMissing: true })

  return OwnStreams.of({
    holdsMenu: (session) => {
      if (!needsIt(session) || FiberMap.hasUnsafe(streams, session.agent)) return
      deadlines.after(listensWithin, () => {
        if (needsIt(session)) start(session.agent)
      })
    }
  })
})

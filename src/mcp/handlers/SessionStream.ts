/**
 * The stream of a session (GET), and behind it the relay's own: held while an agent reads, and for
 * `journal.betweenRuns` after, and opened again whenever it ends (BEHAVIOUR 2, fourth handler).
 */
import { Clock, Duration, Effect, Latch, Option, Stream } from "effect"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { listChanges } from "../../domain/Methods.ts"
import { Happenings, ofAgent } from "../../observability/Happenings.ts"
import { unknownOutcome } from "../../relay/link/FailureText.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import { reseeded } from "../../relay/session/RelaySession.ts"
import * as Backoff from "../../supervision/Backoff.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import { ListChanges } from "../menu/ListChanges.ts"
import { MenuSignals } from "../menu/MenuSignals.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import * as EventId from "../streams/EventId.ts"
import type { EventLog } from "../streams/EventLog.ts"
import { EventLogs } from "../streams/EventLogs.ts"
import type { RunningCalls } from "./AskedCall.ts"
import type { InputRounds } from "./InputRounds.ts"
import type { Passed, RelayMessages } from "./RelayMessages.ts"

/** Between attempts to open the relay's stream again: 1, 2, 4 .. 30 s, and 1 s after one that held. */
const reopenings = Backoff.exponential({ base: "1 second", max: "30 seconds" })
const heldAfter = 60_000
const maxMethod = 128
/** A relay that had no stream to give is asked again after this, or when the link comes back. */
const askAgainAfter = Duration.minutes(5)

/** A question that nobody waits for any more: its relay session is gone. */
const takenBack = (id: string): string =>
  `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},`
  + `"reason":"the relay session that asked is gone"}}`

/** Whether the relay ever gave a stream; the last event that had an id, and the relay session it came on. */
interface LastHeard {
  given: boolean
  /** What was last told of what was heard while nobody read. */
  told: { readonly method: string; readonly at: number } | undefined
  eventId: string | undefined
  generation: number
  /** Open while the relay's stream is, and where the relay gives none. */
  readonly isThere: Latch.Latch
}

export interface SessionStream {
  /** The log to read and the sequence to read on from. */
  readonly open: (
    session: AgentSession,
    lastEventId: string | undefined
  ) => Effect.Effect<{ readonly log: EventLog; readonly after: number }>
  /** What is watched has changed: asked of the relay's session, or where it has none, of a new stream. */
  readonly resubscribe: (session: AgentSession, requests: ReadonlyArray<string>) => Effect.Effect<void>
  /** Holds the relay's own stream to a session that nobody reads: a relay may ask there. Waits for it 2 s at most. */
  readonly listen: (session: AgentSession) => Effect.Effect<void>
  /** Lets go of it a while later, unless it is needed again then. */
  readonly stopListening: (session: AgentSession, unneeded: () => boolean) => void
  /** A connection that read the session's log is gone. */
  readonly closed: (session: AgentSession) => void
}

export const make = Effect.fnUntraced(function*(
  messages: RelayMessages,
  rounds: InputRounds,
  calls: RunningCalls
) {
  const { journal: { betweenRuns }, link: { readTimeout } } = yield* Settings
  const linger = Duration.toMillis(betweenRuns)
  const { id: relay } = yield* RelayTarget
  const happenings = yield* Happenings
  const clock = yield* Clock.Clock
  const client = yield* RelayClient
  const link = yield* RelayLink
  const logs = yield* EventLogs
  const changes = yield* ListChanges
  const signals = yield* MenuSignals
  const deadlines = yield* Deadlines
  const becomesUp = (states: typeof link.changes) =>
    Stream.runHead(Stream.filter(states, (state) => state._tag === "Up"))
  const isUp = becomesUp(link.changes)
  const held = new WeakMap<AgentSession, LastHeard>()
  const comesBack = becomesUp(Stream.drop(link.changes, 1))

  /** Whoever comes back sees what the relay said meanwhile; also what is merged or dropped on its way to the agent. */
  const tellNotified = ({ agent, id }: AgentSession, last: LastHeard, data: string): void => {
    const method = JsonText.at(data, ["method"])?.slice(1, -1).slice(0, maxMethod)
    const at = clock.currentTimeMillisUnsafe()
    // A relay may flood: the same again within a second says nothing more.
    if (method === undefined || (last.told?.method === method && at - last.told.at < 1_000)) return
    last.told = { method, at }
    happenings.tell("relay.notified", ofAgent(agent), { relay, method }, id)
  }

  /** A change that none of its listeners asked for goes ahead of its next answer. */
  const tell = (session: AgentSession, { data, supersedes }: Passed): void => {
    const isUnheard = session.modern && supersedes !== undefined && listChanges.has(supersedes)
      && !session.hears(supersedes)
    if (isUnheard) session.view.notifyLater(supersedes)
    else session.log.append(data, supersedes)
  }

  /** One connection to the relay's stream, to its end; resumed behind `last`, what was heard in the same relay session. */
  const pump = Effect.fnUntraced(function*(session: AgentSession, last: LastHeard, again: boolean) {
    yield* isUp
    const open = yield* session.relay.open
    const resumed = last.generation === open.generation ? last.eventId : undefined
    const { answer, session: from } = yield* client.stream(session.relay, resumed)
    if (answer.body._tag !== "Sse") return
    last.given = true
    last.isThere.openUnsafe()
    for (const id of session.questions.replacedBy(from.generation)) session.log.append(takenBack(id))
    // What the relay said while nobody listened is lost, unless it replays it.
    if (again && resumed === undefined) yield* signals.offer({ _tag: "RelayList", session })
    yield* answer.body.events.until(({ data, id }) => {
      if (id !== undefined && id !== "") {
        last.eventId = id
        last.generation = from.generation
      }
      if (session.readers === 0 && happenings.heard) tellNotified(session, last, data)
      const passed = messages.received(session, { data, message: undefined }, from, calls.askedBy(session))
      if (passed !== undefined) tell(session, passed)
      return undefined
    })
  }, Effect.scoped)

  const hold = Effect.fnUntraced(function*(session: AgentSession) {
    const last: LastHeard = {
      given: false,
      told: undefined,
      eventId: undefined,
      generation: 0,
      isThere: Latch.makeUnsafe()
    }
    held.set(session, last)
    const backoff = Backoff.make(reopenings)
    for (let again = false;; again = true) {
      const from = yield* Clock.currentTimeMillis
      const ended = yield* Effect.result(pump(session, last, again))
      if ((yield* Clock.currentTimeMillis) - from >= heldAfter) backoff.reset()
      const refused = ended._tag === "Failure" && ended.failure.reason._tag === "NoStream"
      if (last.given && !refused) last.isThere.closeUnsafe()
      else last.isThere.openUnsafe()
      if (ended._tag === "Failure") {
        const { message } = ended.failure
        yield* Effect.logDebug("the relay's stream ended", { session: session.id, why: message })
        // One that gave a stream before has it again in a moment: what said no was a deploy's page.
        if (refused && !last.given) {
          yield* Effect.timeoutOption(comesBack, askAgainAfter)
          continue
        }
      }
      yield* Effect.sleep(yield* backoff.next)
    }
  })

  const ask = (session: AgentSession, text: string) =>
    Effect.scoped(client.request(session.relay, {
      text,
      id: JsonText.at(text, ["id"]) ?? "null",
      timeout: Duration.toMillis(readTimeout)
    }))

  /** A POST's stream that our own crash cut off: what became of its request is not known (BEHAVIOUR 3). */
  const cutOff = (session: AgentSession, requestId: string) => {
    const log = logs.make({ session: session.id, requestId })
    log.append(JsonRpcError.text(requestId, {
      code: JsonRpcError.codes.relay,
      message: `Holdfast was restarted while this request was under way. ${unknownOutcome(false)}`,
      data: { delivery: "unknown" }
    }))
    log.end()
    return { log, after: 0 }
  }

  const self: SessionStream = {
    open: Effect.fnUntraced(function*(session, lastEventId) {
      const parts = lastEventId === undefined ? undefined : EventId.parse(lastEventId)
      if (parts !== undefined && parts.stream !== session.log.id) {
        const named = logs.find(session.id, parts.stream)
        if (named !== undefined) return { log: named, after: parts.sequence }
        if (parts.requestId !== undefined) {
          const goesOn = yield* rounds.resumed(session, parts.requestId, parts.stream, parts.sequence)
          return goesOn === undefined ? cutOff(session, parts.requestId) : { log: goesOn, after: 0 }
        }
      }
      session.readerCame()
      session.holdRelayStream(hold(session))
      yield* changes.streamOpened(session)
      return { log: session.log, after: parts?.stream === session.log.id ? parts.sequence : session.log.read }
    }),
    resubscribe: Effect.fnUntraced(function*(session, requests) {
      const open = yield* session.relay.current
      if (Option.isNone(open)) return
      if (open.value.modern === undefined) {
        session.inBackground(Effect.forEach(requests, (text) => Effect.ignore(ask(session, text)), { discard: true }))
        return
      }
      yield* reseeded(session.relay)
      if (session.readers > 0) session.replaceRelayStream(hold(session))
    }),
    listen: (session) =>
      Effect.suspend(() => {
        session.holdRelayStream(hold(session))
        const isThere = held.get(session)?.isThere
        if (isThere === undefined || session.relay.openNow()?.modern !== undefined) return Effect.void
        return Effect.asVoid(Effect.timeoutOption(isThere.await, "2 seconds"))
      }),
    stopListening: (session, unneeded) => {
      deadlines.after(linger, () => {
        if (session.readers === 0 && unneeded()) session.endRelayStream()
      })
    },
    closed: (session) => {
      if (session.readerLeft() > 0) return
      deadlines.after(linger, () => {
        if (session.readers === 0 && !calls.isRunning(session)) session.endRelayStream()
      })
    }
  }
  return self
})

/**
 * The stream from server to agent (GET), and the relay's own behind it (BEHAVIOUR 2, fourth intervention).
 *
 * What is sent while no connection reads is kept, within bounds, for the next one. The relay's stream is held open while
 * the agent's is, and for a minute after, and opened again whenever it ends.
 */
import { Context, Duration, Effect, FiberHandle, Layer, Option, Schedule, Scope, Stream } from "effect"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import { RelayClient } from "../relay/RelayClient.ts"
import type { RelayFailure } from "../relay/RelayFailure.ts"
import { RelayLink } from "../relay/RelayLink.ts"
import type { AgentSession } from "./AgentSession.ts"
import * as EventId from "./EventId.ts"
import { type EventLog, EventLogs } from "./EventLog.ts"
import { ListChanges } from "./ListChanges.ts"
import { RelayMessages } from "./RelayMessages.ts"

const linger = Duration.minutes(1)

/** 0, 1, 2, 4 .. 30 s between attempts to open the relay's stream again. */
const reopen = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])

/** One for each relay. */
export class ServerStream extends Context.Service<ServerStream, {
  /** The log to read and the sequence to read on from. */
  readonly open: (
    session: AgentSession,
    lastEventId: string | undefined
  ) => Effect.Effect<{ readonly log: EventLog; readonly after: number }>
  /** A connection that read the session's log is gone. */
  readonly closed: (session: AgentSession) => Effect.Effect<void>
}>()("holdfast/mcp/ServerStream") {
  static readonly layer = Layer.effect(
    ServerStream,
    Effect.gen(function*() {
      const client = yield* RelayClient
      const link = yield* RelayLink
      const logs = yield* EventLogs
      const messages = yield* RelayMessages
      const changes = yield* ListChanges
      const isUp = Stream.runHead(Stream.filter(link.changes, (state) => state._tag === "Up"))

      /** One connection to the relay's stream, to its end. */
      const pump = Effect.fnUntraced(function*(session: AgentSession) {
        yield* isUp
        const { answer, session: from } = yield* client.stream(session.relay, undefined)
        if (answer.body._tag !== "Sse") return
        while (true) {
          const event = yield* answer.body.events
          if (Option.isNone(event)) return
          const passed = yield* messages.received(session, event.value.data, from)
          if (passed !== undefined) yield* session.log.append(passed.data, passed.supersedes)
        }
      }, Effect.scoped)

      const hold = (session: AgentSession) =>
        pump(session).pipe(
          Effect.catchIf(
            (failure: RelayFailure) => failure.reason._tag !== "NoStream",
            (failure) => Effect.logDebug("the relay's stream ended", { session: session.id, why: failure.message })
          ),
          Effect.repeat(reopen),
          // A relay without such a stream is asked no more; nothing is missing that it could send.
          Effect.ignore
        )

      /** A POST's stream that our own crash cut off: what became of its request is not known (BEHAVIOUR 3). */
      const unknownOutcome = Effect.fnUntraced(function*(session: AgentSession, requestId: string) {
        const log = yield* logs.make({ session: session.id, requestId })
        yield* log.append(JsonRpcError.text(requestId, {
          code: JsonRpcError.codes.relay,
          message: "Holdfast was restarted while this call was under way: it may have been carried out. "
            + "Look before you repeat it.",
          data: { delivery: "unknown" }
        }))
        yield* log.end
        return { log, after: 0 }
      })

      return ServerStream.of({
        open: Effect.fnUntraced(function*(session, lastEventId) {
          const parts = lastEventId === undefined ? undefined : EventId.parse(lastEventId)
          if (parts !== undefined && parts.stream !== session.log.id) {
            const named = yield* logs.find(session.id, parts.stream)
            if (Option.isSome(named)) return { log: named.value, after: parts.sequence }
            if (parts.requestId !== undefined) {
              return yield* Effect.provideService(unknownOutcome(session, parts.requestId), Scope.Scope, session.scope)
            }
          }
          session.readers += 1
          yield* FiberHandle.run(session.relayStream, hold(session), { onlyIfMissing: true })
          yield* changes.streamOpened(session)
          const after = parts?.stream === session.log.id ? parts.sequence : session.log.read
          return { log: session.log, after }
        }),
        closed: Effect.fnUntraced(function*(session) {
          session.readers -= 1
          if (session.readers > 0) return
          yield* Effect.sleep(linger).pipe(
            Effect.andThen(
              Effect.suspend(() => session.readers > 0 ? Effect.void : FiberHandle.clear(session.relayStream))
            ),
            Effect.forkIn(session.scope)
          )
        })
      })
    })
  )
}

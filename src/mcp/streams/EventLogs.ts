/** The event logs of all sessions, under one budget. */
import { Context, Effect, Layer } from "effect"
import { randomBytes } from "node:crypto"
import { bytes, Settings } from "../../config/Settings.ts"
import type { SessionId } from "../../domain/Ids.ts"
import { BoundedLog } from "./BoundedLog.ts"
import type { EventLog } from "./EventLog.ts"
import { ReplayBudget } from "./ReplayBudget.ts"

/** Streams that have ended and were not read to their end: of one session, and in all. What they say has a budget of its own. */
const maxOfSession = 256
const maxInAll = 65_536

export interface LogOptions {
  readonly session: SessionId
  readonly requestId?: string | undefined
  /** Whether each of several readers at once is given everything; without, it is for the newest of them. */
  readonly shared?: boolean | undefined
  /** Called when a reader has taken the last event of a log that has ended. */
  readonly onReadToEnd?: (() => void) | undefined
}

export class EventLogs extends Context.Service<EventLogs, {
  /** Kept until its session ends; an ended one until all of it had to give way, or more than enough others came. */
  readonly make: (options: LogOptions) => EventLog
  readonly find: (session: SessionId, stream: string) => EventLog | undefined
  /** Ends the log and keeps nothing of it: nobody will resume it. */
  readonly forget: (log: EventLog) => void
  /** Ends all logs of the session and keeps nothing of them. */
  readonly forgetSession: (session: SessionId) => void
}>()("holdfast/mcp/EventLogs") {
  static readonly layer = Layer.effect(
    EventLogs,
    Effect.gen(function*() {
      const { streams } = yield* Settings
      const bound = bytes(streams.replayPerSession)
      const budget = new ReplayBudget(bound, bytes(streams.replayInAll))
      // Ids of an earlier life must not name a stream of this one. Nobody need guess them: each is looked for in its session.
      const prefix = randomBytes(9).toString("base64url")
      let made = 0
      const logs = new Map<string, BoundedLog>()
      const ofSession = new Map<SessionId, Set<BoundedLog>>()

      const drop = (log: BoundedLog) => {
        logs.delete(log.id)
        const all = ofSession.get(log.session)
        all?.delete(log)
        if (all?.size === 0) ofSession.delete(log.session)
      }
      const forget = (log: BoundedLog) => {
        drop(log)
        budget.remove(log)
        log.end()
      }

      /** The oldest one that has ended makes room. */
      const makeRoom = (among: Iterable<BoundedLog>) => {
        for (const log of among) if (log.hasEnded) return forget(log)
      }

      return EventLogs.of({
        make: ({ onReadToEnd, requestId, session, shared = false }) => {
          const id = `${prefix}${(++made).toString(36)}`
          const log: BoundedLog = new BoundedLog({
            id,
            session,
            requestId,
            budget,
            bound,
            shared,
            onReadToEnd,
            onGone: () => drop(log)
          })
          logs.set(id, log)
          const all = ofSession.get(session) ?? new Set()
          ofSession.set(session, all.add(log))
          if (all.size > maxOfSession) makeRoom(all)
          if (logs.size > maxInAll) makeRoom(logs.values())
          return log
        },
        find: (session, stream) => {
          const log = logs.get(stream)
          return log?.session === session ? log : undefined
        },
        forget: ({ id }) => {
          const log = logs.get(id)
          if (log !== undefined) forget(log)
        },
        forgetSession: (session) => {
          for (const log of ofSession.get(session) ?? []) forget(log)
        }
      })
    })
  )
}

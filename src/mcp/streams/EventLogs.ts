/** The event logs of all sessions, under one budget. */
import { Context, Effect, Exit, Layer, Option, Scope } from "effect"
import { randomBytes } from "node:crypto"
import { bytes, Settings } from "../../config/Settings.ts"
import type { SessionId } from "../../domain/Ids.ts"
import { BoundedLog } from "./BoundedLog.ts"
import type { EventLog } from "./EventLog.ts"
import { ReplayBudget } from "./ReplayBudget.ts"

export class EventLogs extends Context.Service<EventLogs, {
  /** Gone, with what it remembers, when the scope ends; an ended one also when all of it had to give way. */
  readonly make: (options: {
    readonly session: SessionId
    readonly requestId?: string | undefined
    /** Whether each of several readers at once is given everything; without, it is for the newest of them. */
    readonly shared?: boolean | undefined
  }) => Effect.Effect<EventLog, never, Scope.Scope>
  readonly find: (session: SessionId, stream: string) => Effect.Effect<Option.Option<EventLog>>
}>()("holdfast/mcp/EventLogs") {
  static readonly layer = Layer.effect(
    EventLogs,
    Effect.gen(function*() {
      const { streams } = yield* Settings
      const bound = bytes(streams.replayPerSession)
      const budget = new ReplayBudget(bound, bytes(streams.replayInAll))
      const logs = new Map<string, BoundedLog>()

      return EventLogs.of({
        make: Effect.fnUntraced(function*({ requestId, session, shared = false }) {
          const id = randomBytes(12).toString("base64url")
          // A scope of its own, so that a log that gave way leaves nothing behind in a session that lives for weeks.
          const scope = yield* Scope.fork(yield* Effect.scope)
          const log: BoundedLog = new BoundedLog(id, session, requestId, budget, bound, shared, () => {
            logs.delete(id)
            return Scope.closeUnsafe(scope, Exit.void)
          })
          logs.set(id, log)
          yield* Scope.addFinalizer(scope, Effect.suspend(() => (logs.delete(id), budget.remove(log), log.end)))
          return log
        }),
        find: (session, stream) =>
          Effect.sync(() => Option.filter(Option.fromUndefinedOr(logs.get(stream)), (log) => log.session === session))
      })
    })
  )
}

/**
 * Calls of agents without sessions that wait for their agent's answers, on disk: after a restart of Holdfast the relay is
 * told the answers all the same, and its own answer is read on (BEHAVIOUR 3).
 */
import { Clock, Context, Duration, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, SqlSchema } from "effect/sql"
import { RelayTarget } from "../../config/Settings.ts"
import { SessionId } from "../../domain/Ids.ts"
import { ResumePoint } from "../../relay/ResumePoint.ts"

const OpenQuestion = Schema.Struct({
  /** As the agent knows it. */
  key: Schema.String,
  /** As the relay knows it, JSON text. */
  id: Schema.String,
  /** As the agent is asked, JSON text. */
  text: Schema.String
})
export type OpenQuestion = typeof OpenQuestion.Type

export const StoredCall = Schema.Struct({
  /** As the agent's `requestState` names it. */
  id: Schema.String,
  session: SessionId,
  point: Schema.fromJsonString(ResumePoint),
  questions: Schema.fromJsonString(Schema.Array(OpenQuestion)),
  /** How often each question was put so far: the same one again is another one. */
  times: Schema.fromJsonString(Schema.Record(Schema.String, Schema.Int))
})
export type StoredCall = typeof StoredCall.Type

const encode = Schema.encodeSync(StoredCall)
/** Nobody comes back to a call after that. */
const keptFor = Duration.toMillis("1 day")

/** One for each relay. Best effort: on a disk that fails, a call goes on in memory. */
export class AskedCallStore extends Context.Service<AskedCallStore, {
  readonly save: (call: StoredCall) => Effect.Effect<void>
  readonly remove: (id: string) => Effect.Effect<void>
  readonly find: (session: SessionId, id: string) => Effect.Effect<Option.Option<StoredCall>>
}>()("holdfast/mcp/AskedCallStore") {
  static readonly layer = Layer.effect(
    AskedCallStore,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const relay = (yield* RelayTarget).id
      const now = Effect.map(Clock.currentTimeMillis, Math.floor)
      const bestEffort = Effect.catchCause((cause) =>
        Effect.logWarning("a call that waits for its agent could not be written to disk", cause)
      )
      const select = SqlSchema.findOneOption({
        Request: Schema.Struct({ session: Schema.String, id: Schema.String }),
        Result: StoredCall,
        execute: ({ id, session }) =>
          sql`SELECT * FROM asked_calls WHERE relay = ${relay} AND id = ${id} AND session = ${session}`
      })

      return AskedCallStore.of({
        save: Effect.fnUntraced(function*(call) {
          const at = yield* now
          yield* sql`INSERT OR REPLACE INTO asked_calls ${sql.insert({ ...encode(call), relay, saved_at: at })}`
          yield* sql`DELETE FROM asked_calls WHERE relay = ${relay} AND saved_at < ${at - keptFor}`
        }, bestEffort),
        remove: (id) =>
          sql`DELETE FROM asked_calls WHERE relay = ${relay} AND id = ${id}`.pipe(bestEffort, Effect.asVoid),
        find: (session, id) =>
          select({ session, id }).pipe(
            Effect.catchCause((cause) =>
              Effect.as(Effect.logWarning("a call that waits for its agent cannot be read", cause), Option.none())
            )
          )
      })
    })
  )
}

/** Requests on disk that wait for their agent's answers, so that nobody is asked twice after a restart (BEHAVIOUR 3). */
import { Clock, Context, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient, SqlSchema } from "effect/sql"
import { RelayTarget } from "../../config/Settings.ts"
import { SessionId } from "../../domain/Ids.ts"

const Question = Schema.Struct({
  /** As the relay calls it. */
  key: Schema.String,
  /** Of the request that put it to the agent, JSON text. */
  id: Schema.String,
  /** As the relay asked, JSON text. */
  text: Schema.String,
  /** The stream to the agent that it went out on, and its event there. */
  stream: Schema.String,
  sequence: Schema.Int,
  /** The agent read beyond it. */
  seen: Schema.Boolean,
  /** The agent's whole response, JSON text. */
  answer: Schema.NullOr(Schema.String)
})
export type Question = typeof Question.Type

export const InputRound = Schema.Struct({
  session: SessionId,
  request_id: Schema.String,
  sent: Schema.String,
  headers: Schema.fromJsonString(Schema.Record(Schema.String, Schema.String)),
  state: Schema.NullOr(Schema.String),
  questions: Schema.fromJsonString(Schema.Array(Question))
})
export type InputRound = typeof InputRound.Type

const encode = Schema.encodeSync(InputRound)
/** Nobody comes back to a request after that. */
const keptFor = Duration.toMillis("1 day")

/** One for each relay. Writes are best effort: on a disk that fails, questions go on in memory. */
export class RoundStore extends Context.Service<RoundStore, {
  readonly save: (round: InputRound) => Effect.Effect<void>
  readonly remove: (round: Pick<InputRound, "session" | "request_id">) => Effect.Effect<void>
  readonly ofSession: (session: SessionId) => Effect.Effect<ReadonlyArray<InputRound>>
}>()("holdfast/mcp/RoundStore") {
  static readonly layer = Layer.effect(
    RoundStore,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const relay = (yield* RelayTarget).id
      const now = Effect.map(Clock.currentTimeMillis, Math.floor)
      const bestEffort = Effect.catchCause((cause) =>
        Effect.logWarning("a question to an agent could not be written to disk", cause)
      )
      const select = SqlSchema.findAll({
        Request: Schema.String,
        Result: InputRound,
        execute: (session) => sql`SELECT * FROM input_rounds WHERE relay = ${relay} AND session = ${session}`
      })

      return RoundStore.of({
        save: Effect.fnUntraced(function*(round) {
          const at = yield* now
          const { headers, questions, request_id, sent, session, state } = encode(round)
          yield* sql`INSERT OR REPLACE INTO input_rounds (relay, session, request_id, sent, headers, state, questions, saved_at)
            VALUES (${relay}, ${session}, ${request_id}, ${sent}, ${headers}, ${state}, ${questions}, ${at})`
          yield* sql`DELETE FROM input_rounds WHERE relay = ${relay} AND saved_at < ${at - keptFor}`
        }, bestEffort),
        remove: ({ request_id, session }) =>
          sql`DELETE FROM input_rounds WHERE relay = ${relay} AND session = ${session} AND request_id = ${request_id}`
            .pipe(bestEffort, Effect.asVoid),
        ofSession: (session) =>
          select(session).pipe(
            Effect.catchCause((cause) => Effect.as(Effect.logWarning("questions cannot be read", cause), []))
          )
      })
    })
  )
}

/**
 * Each write happens once per agent, tool and idempotency key: its outcome is stored in the transaction that does it, and
 * the same again is answered from there. Refusals are not stored, since what stood in the way may be gone next time.
 */
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { hash } from "node:crypto"
import type { AgentName } from "../domain/Ids.ts"

/** What the relay says no to, in words for the model that asked; it becomes an `isError` result. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { message: Schema.String }) {}

/** An agent's outcomes that are kept: the newest, and so many bytes of them. */
const maxKept = 10_000
const maxKeptBytes = 16 * 1024 * 1024
/** Beyond the bound, until they are removed together. */
const slack = 500
const slackBytes = 1024 * 1024
/** Agents whose outcomes are counted in memory; another's are counted anew. */
const maxCounted = 1_000
const maxKeyLength = 256

export interface Write {
  readonly agent: AgentName
  readonly tool: string
  readonly key: string | undefined
  /** What the key stands for: the same key with other arguments is refused. A digest is kept of them. */
  readonly arguments: Schema.Json
}

export class Writes extends Context.Service<Writes, {
  /** `effect` is given the present time, whole milliseconds since the epoch. */
  readonly once: <A>(
    write: Write,
    outcome: Schema.Codec<A, Schema.Json>,
    effect: (now: number) => Effect.Effect<A, Refused>
  ) => Effect.Effect<A, Refused>
}>()("holdfast/embedded/Writes") {
  static readonly layerNoDeps = Layer.effect(
    Writes,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient

      const findOutcome = Effect.fnUntraced(function*(write: Write, text: string) {
        if (write.key === undefined) return undefined
        const [row] = yield* sql<{ readonly arguments: string; readonly result: string }>`
          SELECT arguments, result FROM writes
          WHERE agent = ${write.agent} AND tool = ${write.tool} AND key = ${write.key}`
        if (row === undefined || row.arguments === text) return row?.result
        return yield* new Refused({ message: `the idempotency key ${write.key} was used with other arguments` })
      })

      const kept = new Map<AgentName, { count: number; bytes: number }>()

      /** Counts what was kept once in a while: a rollback between counts for one more, which does no harm. */
      const removeOldest = Effect.fnUntraced(function*(agent: AgentName, bytes: number) {
        const known = kept.get(agent)
        if (known !== undefined) {
          known.count++
          known.bytes += bytes
          if (known.count < maxKept + slack && known.bytes < maxKeptBytes + slackBytes) return
        }
        yield* sql`DELETE FROM writes WHERE rowid IN (
          SELECT id FROM (SELECT rowid AS id, row_number() OVER newest AS place, sum(octet_length(result)) OVER newest AS bytes
            FROM writes WHERE agent = ${agent} WINDOW newest AS (ORDER BY rowid DESC))
          WHERE place > ${maxKept} OR bytes > ${maxKeptBytes})`
        const [row] = yield* sql<{ readonly count: number; readonly bytes: number }>`
          SELECT count(*) AS count, coalesce(sum(octet_length(result)), 0) AS bytes FROM writes WHERE agent = ${agent}`
        kept.delete(agent)
        kept.set(agent, { count: row?.count ?? 0, bytes: row?.bytes ?? 0 })
        for (const oldest of kept.keys()) if (kept.size > maxCounted) kept.delete(oldest)
      })

      const once = Effect.fn("Writes.once")(
        function*<A>(
          write: Write,
          outcome: Schema.Codec<A, Schema.Json>,
          effect: (now: number) => Effect.Effect<A, Refused>
        ) {
          const json = Schema.fromJsonString(outcome)
          if ((write.key?.length ?? 0) > maxKeyLength) {
            return yield* new Refused({ message: `an idempotency key has at most ${maxKeyLength} characters` })
          }
          const text = `sha256:${hash("sha256", JSON.stringify(write.arguments))}`
          const before = yield* findOutcome(write, text)
          if (before !== undefined) return yield* Schema.decodeEffect(json)(before)
          const now = Math.floor(yield* Clock.currentTimeMillis)
          const result = yield* effect(now)
          if (write.key !== undefined) {
            const encoded = yield* Schema.encodeEffect(json)(result)
            yield* sql`INSERT INTO writes ${sql.insert({ ...write, key: write.key, arguments: text, result: encoded })}`
            yield* removeOldest(write.agent, Buffer.byteLength(encoded))
          }
          return result
        },
        sql.withTransaction,
        Effect.catchTag(["SqlError", "SchemaError"], Effect.die)
      )

      return Writes.of({ once })
    })
  )
}

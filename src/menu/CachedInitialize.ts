/** The last InitializeResult of the relay at its URL, on disk, for agents that connect while it is down. */
import { Clock, Context, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { RelayTarget } from "../config/Settings.ts"
import * as EraForm from "../domain/EraForm.ts"
import { defaultVersion } from "../domain/ProtocolVersion.ts"

/** One for each relay. Caching is best effort: a disk that fails costs a warning, never the call. */
export class CachedInitialize extends Context.Service<CachedInitialize, {
  /** What no client could be answered with is not cached. */
  readonly save: (result: string) => Effect.Effect<void>
  readonly find: Effect.Effect<Option.Option<string>>
}>()("holdfast/menu/CachedInitialize") {
  static readonly layer = Layer.effect(
    CachedInitialize,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { id: relay, url: { href: url } } = yield* RelayTarget
      const warn = (message: string) => (error: Error) => Effect.logWarning(message, { relay, why: error.message })

      return CachedInitialize.of({
        save: Effect.fn("CachedInitialize.save")(function*(result) {
          if (!EraForm.isInitializeResult(EraForm.asInitializeResult(result, defaultVersion))) return
          const fetchedAt = Math.floor(yield* Clock.currentTimeMillis)
          yield* sql`
            INSERT INTO kept_initialize ${sql.insert({ relay, url, result, fetched_at: fetchedAt })}
            ON CONFLICT DO UPDATE SET result = excluded.result, fetched_at = excluded.fetched_at`.pipe(
            Effect.catch(warn("the relay's initialize result could not be cached"))
          )
        }),

        find: sql<{ readonly result: string }>`
          SELECT result FROM kept_initialize WHERE relay = ${relay} AND url = ${url}`.pipe(
          Effect.map((rows) => Option.fromUndefinedOr(rows[0]?.result)),
          Effect.tapError(warn("the cached initialize result could not be read")),
          Effect.catch(() => Effect.succeedNone),
          Effect.withSpan("CachedInitialize.find")
        )
      })
    })
  )
}

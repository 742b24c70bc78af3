/**
 * Remembers over restarts whom each source's last token stood for. A source that is away at a start stands for the same
 * principal, so cached lists are shown and calls are queued as before (BEHAVIOUR 2, 5).
 */
import { Context, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { PrincipalId } from "../domain/Ids.ts"

export interface SourceOwner {
  readonly relay: string
  /** An agent, or `*` for all who share the token. */
  readonly owner: string
  readonly source: string
}

/** Without a database, nothing is remembered. */
export const PrincipalMemory = Context.Reference<{
  readonly recall: (of: SourceOwner) => Effect.Effect<Option.Option<PrincipalId>>
  /** Best effort: a disk that fails costs the memory, never the token. */
  readonly save: (of: SourceOwner, principal: PrincipalId) => Effect.Effect<void>
}>("holdfast/token/PrincipalMemory", {
  defaultValue: () => ({ recall: () => Effect.succeedNone, save: () => Effect.void })
})

export const layer = Layer.effect(
  PrincipalMemory,
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    return {
      recall: ({ owner, relay, source }) =>
        sql<{ readonly principal: string }>`SELECT principal FROM principals
          WHERE relay = ${relay} AND owner = ${owner} AND source = ${source}`.pipe(
          Effect.map(([row]) => Option.fromUndefinedOr(row && PrincipalId.make(row.principal))),
          Effect.orElseSucceed(() => Option.none())
        ),
      save: ({ owner, relay, source }, principal) =>
        Effect.ignore(sql`INSERT INTO principals ${sql.insert({ relay, owner, source, principal })}
          ON CONFLICT DO UPDATE SET principal = excluded.principal`)
    }
  })
)

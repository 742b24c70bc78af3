/** What was last seen in git of each attachment, on disk too: what happens while the daemon is down is seen afterwards. */
import { Effect, Equal, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { AgentName } from "../domain/Ids.ts"

export interface Seen {
  readonly epoch: number
  readonly commonDirectory: string
  /** The last commit of the branch that was in no base branch. */
  readonly ahead: Option.Option<string>
  /** Branch and bases as they were: while nothing moves there is nothing to find out. */
  readonly refs: string
}

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({
  agent: AgentName,
  epoch: Schema.Int,
  common_directory: Schema.String,
  ahead: Schema.NullOr(Schema.String),
  refs: Schema.String
})))

/** One writer: the watch. */
export const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* Effect.orDie(Effect.flatMap(sql`SELECT * FROM worktrees_seen`, decodeRows))
  const seen = new Map<AgentName, Seen>(
    rows.map(({ agent, ahead, common_directory: commonDirectory, epoch, refs }) => [
      agent,
      { epoch, commonDirectory, ahead: Option.fromNullishOr(ahead), refs }
    ])
  )

  return {
    of: (agent: AgentName) => seen.get(agent),
    see: Effect.fnUntraced(function*(agent: AgentName, now: Seen) {
      if (Equal.equals(seen.get(agent), now)) return
      const { ahead, commonDirectory, epoch, refs } = now
      yield* sql`INSERT OR REPLACE INTO worktrees_seen (agent, epoch, common_directory, ahead, refs)
        VALUES (${agent}, ${epoch}, ${commonDirectory}, ${Option.getOrNull(ahead)}, ${refs})`
      seen.set(agent, now)
    }, Effect.orDie),
    /** All others are attached no more. */
    keep: Effect.fnUntraced(function*(agents: ReadonlySet<AgentName>) {
      for (const agent of seen.keys()) {
        if (agents.has(agent)) continue
        yield* sql`DELETE FROM worktrees_seen WHERE agent = ${agent}`
        seen.delete(agent)
      }
    }, Effect.orDie)
  }
})

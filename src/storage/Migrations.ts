/**
 * Builds the schema, one numbered step after the other. Refuses a database that a newer version wrote, and does not
 * touch it.
 */
import { Effect, Layer, Schema } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import outbox from "./migrations/0001_outbox.ts"
import sessions from "./migrations/0002_sessions.ts"
import kept from "./migrations/0003_kept.ts"
import context from "./migrations/0004_context.ts"
import agents from "./migrations/0005_agents.ts"
import agentLeases from "./migrations/0006_agent_leases.ts"
import contextFacts from "./migrations/0007_context_facts.ts"
import principals from "./migrations/0008_principals.ts"
import contextReactions from "./migrations/0009_context_reactions.ts"
import worktreesSeen from "./migrations/0010_worktrees_seen.ts"
import cachedByUrl from "./migrations/0011_cached_by_url.ts"
import principalNames from "./migrations/0012_principal_names.ts"
import outboxIndexes from "./migrations/0013_outbox_indexes.ts"
import approvedTools from "./migrations/0014_approved_tools.ts"
import leaseStarts from "./migrations/0015_lease_starts.ts"
import journal from "./migrations/0016_journal.ts"
import results from "./migrations/0017_results.ts"
import inbox from "./migrations/0018_inbox.ts"
import socketInbox from "./migrations/0019_socket_inbox.ts"
import inputRounds from "./migrations/0020_input_rounds.ts"
import tasks from "./migrations/0021_tasks.ts"
import askedCalls from "./migrations/0022_asked_calls.ts"

const migrations = {
  "0001_outbox": outbox,
  "0002_sessions": sessions,
  "0003_kept": kept,
  "0004_context": context,
  "0005_agents": agents,
  "0006_agent_leases": agentLeases,
  "0007_context_facts": contextFacts,
  "0008_principals": principals,
  "0009_context_reactions": contextReactions,
  "0010_worktrees_seen": worktreesSeen,
  "0011_cached_by_url": cachedByUrl,
  "0012_principal_names": principalNames,
  "0013_outbox_indexes": outboxIndexes,
  "0014_approved_tools": approvedTools,
  "0015_lease_starts": leaseStarts,
  "0016_journal": journal,
  "0017_results": results,
  "0018_inbox": inbox,
  "0019_socket_inbox": socketInbox,
  "0020_input_rounds": inputRounds,
  "0021_tasks": tasks,
  "0022_asked_calls": askedCalls
}

const newest = Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name, 10)))

export class NewerDatabase extends Schema.TaggedError<NewerDatabase>()("NewerDatabase", {
  found: Schema.Int,
  known: Schema.Int
}) {
  override get message(): string {
    return `the database was written by a newer Holdfast (schema ${this.found}; this version knows ${this.known}): `
      + "start that version, or another data directory with --data-dir"
  }
}

const refuseNewer = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'effect_sql_migrations'`
  if (tables.length === 0) return
  const [row] = yield* sql<{ readonly id: number | null }>`SELECT MAX(migration_id) AS id FROM effect_sql_migrations`
  if (row?.id != null && row.id > newest) return yield* new NewerDatabase({ found: row.id, known: newest })
})

export const layer = Layer.effectDiscard(
  Effect.andThen(refuseNewer, Migrator.make({})({ loader: Migrator.fromRecord(migrations) }))
)

/**
 * How many agents the relay knows. Over its socket whoever may open that can name any agent, so beyond the bound the one
 * that was seen longest ago makes room, with all that is kept for it, where nothing waits for it and it claims nothing.
 */
import { Context, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { AgentName } from "../domain/Ids.ts"
import { Refused } from "./Writes.ts"

export const MaxAgents = Context.Reference<number>("holdfast/embedded/MaxAgents", { defaultValue: () => 1_000 })

export const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const max = yield* MaxAgents

  const forget = Effect.fnUntraced(function*(agent: string) {
    const ofSession = sql`session IN (SELECT id FROM socket_sessions WHERE agent = ${agent})`
    yield* sql`DELETE FROM socket_deliveries WHERE ${ofSession}`
    yield* sql`DELETE FROM socket_streams WHERE ${ofSession}`
    yield* sql`DELETE FROM socket_sessions WHERE agent = ${agent}`
    yield* sql`DELETE FROM writes WHERE agent = ${agent}`
    yield* sql`DELETE FROM workspaces WHERE agent = ${agent}`
    yield* sql`DELETE FROM agents WHERE name = ${agent}`
    yield* sql`DELETE FROM message_totals WHERE count = 0`
  })

  /** Fails where the relay cannot know this agent, too. */
  return Effect.fnUntraced(
    function*(agent: AgentName) {
      const [known] = yield* sql`SELECT 1 FROM agents WHERE name = ${agent}`
      if (known !== undefined) return
      const [{ count } = { count: 0 }] = yield* sql<{ readonly count: number }>`SELECT count(*) AS count FROM agents`
      if (count < max) return
      const [idle] = yield* sql<{ readonly name: string }>`SELECT name FROM agents
        WHERE NOT EXISTS (SELECT 1 FROM claims WHERE claims.agent = name)
          AND NOT EXISTS (SELECT 1 FROM messages WHERE recipient = name AND acked_at IS NULL AND id > read_to)
        ORDER BY last_seen LIMIT 1`
      if (idle === undefined) {
        return yield* new Refused({
          message:
            `this relay knows ${max} agents and no more, and each of them has unread messages or claims: let one `
            + "read its inbox (relay_inbox with `after`) or release its workspace (relay_workspace_release)"
        })
      }
      yield* forget(idle.name)
    },
    Effect.catchTag("SqlError", Effect.die)
  )
})

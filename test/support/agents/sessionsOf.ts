/** The sessions of agents that come and go, on the daemon's disk; without what is kept for clients that have none. */
import { Effect } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Daemon } from "../Daemon.ts"

export const sessionsOf = (daemon: Daemon) =>
  Effect.sync(() => {
    const database = new DatabaseSync(join(daemon.dataDir, "holdfast.db"), { readOnly: true })
    const rows = database.prepare("SELECT id, agent FROM sessions WHERE agent <> 'default' AND id NOT LIKE 'context-%'")
      .all()
    database.close()
    return rows.map(({ agent, id }) => ({ agent: String(agent), id: String(id) }))
  })

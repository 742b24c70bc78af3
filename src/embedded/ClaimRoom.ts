/** How much one agent, and all of them, may claim, and how long a summary is. */
import { Context, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { AgentName } from "../domain/Ids.ts"
import type { Bounds } from "./MessageRoom.ts"
import { Refused } from "./Writes.ts"

export const WorkspaceBounds = Context.Reference<
  { readonly path: number; readonly summary: number; readonly agent: Bounds; readonly all: Bounds }
>(
  "holdfast/embedded/WorkspaceBounds",
  {
    defaultValue: () => ({
      path: 1024,
      summary: 4096,
      agent: { count: 1_000, bytes: 64 * 1024 },
      all: { count: 10_000, bytes: 1024 * 1024 }
    })
  }
)

const format = ({ bytes, count }: Bounds): string => `${count} paths or ${Math.ceil(bytes / 1024)} KiB of them`

export const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { agent: ofAgent, all, path: maxPath, summary: maxSummary } = yield* WorkspaceBounds

  const taken = (agent: AgentName | undefined) =>
    Effect.map(
      sql<Bounds>`SELECT count(*) AS count, coalesce(sum(octet_length(path)), 0) AS bytes FROM claims
        ${agent === undefined ? sql`` : sql`WHERE agent = ${agent}`}`,
      ([row]) => row ?? { count: 0, bytes: 0 }
    )

  const hasRoom = (bounds: Bounds, { bytes, count }: Bounds, added: number) =>
    count < bounds.count && bytes + added <= bounds.bytes

  return {
    /** Fails where one more path finds no room. */
    forPath: Effect.fnUntraced(function*(agent: AgentName, path: string) {
      const length = Buffer.byteLength(path)
      if (length > maxPath) {
        return yield* new Refused({
          message: `a path to claim has at most ${maxPath} bytes: claim a directory, or a module by a shorter name`
        })
      }
      if (!hasRoom(ofAgent, yield* taken(agent), length)) {
        return yield* new Refused({
          message: `you may claim ${format(ofAgent)}, and they are taken: claim a directory in the place of its files, `
            + "or release your workspace (relay_workspace_release)"
        })
      }
      if (!hasRoom(all, yield* taken(undefined), length)) {
        return yield* new Refused({
          message: `all agents may claim ${format(all)}, and they are taken: wait until a workspace is released or `
            + "landed (relay_workspace_list says whose)"
        })
      }
    }, Effect.catchTag("SqlError", Effect.die)),

    forSummary: (summary: string): Effect.Effect<void, Refused> =>
      Buffer.byteLength(summary) <= maxSummary ? Effect.void : Effect.fail(
        new Refused({ message: `a summary has at most ${maxSummary} bytes: say the rest in a message` })
      )
  }
})

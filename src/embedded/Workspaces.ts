/** One workspace record per agent, and the paths that it claims; a path has one holder at a time. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { AgentName } from "../domain/Ids.ts"
import * as ClaimRoom from "./ClaimRoom.ts"
import { Refused } from "./Writes.ts"

export const Workspace = Schema.Struct({
  agent: Schema.String,
  phase: Schema.Literals(["none", "active", "ready", "released", "landed"]),
  summary: Schema.NullOr(Schema.String),
  claims: Schema.Array(Schema.String)
})
export type Workspace = typeof Workspace.Type

export const Held = Schema.Struct({ path: Schema.String, heldBy: Schema.String })
export type Held = typeof Held.Type

export class Workspaces extends Context.Service<Workspaces, {
  readonly status: (agent: AgentName) => Effect.Effect<Workspace>
  readonly list: Effect.Effect<ReadonlyArray<Workspace>>
  /** What others hold, of `paths` or, without any, at all. */
  readonly deps: (
    agent: AgentName,
    paths: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<Held>>
  /** Fails where another agent claims it, and where there is no room for another claim. */
  readonly claim: (agent: AgentName, path: string, now: number) => Effect.Effect<Workspace, Refused>
  readonly ready: (agent: AgentName, summary: string | undefined, now: number) => Effect.Effect<Workspace, Refused>
  /** Ends the workspace, as `released` or `landed`, and frees its claims. */
  readonly end: (agent: AgentName, phase: "released" | "landed", now: number) => Effect.Effect<Workspace>
}>()("holdfast/embedded/Workspaces") {
  static readonly layerNoDeps = Layer.effect(
    Workspaces,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient

      const room = yield* ClaimRoom.make

      const listed = (agent: AgentName | undefined) =>
        sql<Omit<Workspace, "claims"> & { readonly claims: string }>`
          SELECT agent, phase, summary, (SELECT json_group_array(path) FROM
            (SELECT path FROM claims WHERE claims.agent = workspaces.agent ORDER BY path)) AS claims
          FROM workspaces ${agent === undefined ? sql`` : sql`WHERE agent = ${agent}`} ORDER BY agent`.pipe(
          Effect.map((rows) => rows.map((row): Workspace => ({ ...row, claims: JSON.parse(row.claims) }))),
          Effect.orDie
        )

      const status = (agent: AgentName) =>
        Effect.map(
          listed(agent),
          ([workspace]) => workspace ?? { agent, phase: "none" as const, summary: null, claims: [] }
        )

      const move = Effect.fnUntraced(
        function*(agent: AgentName, phase: Workspace["phase"], summary: string | null, now: number) {
          yield* sql`INSERT INTO workspaces ${sql.insert({ agent, phase, summary, updated_at: now })}
            ON CONFLICT (agent) DO UPDATE SET phase = excluded.phase,
              summary = coalesce(excluded.summary, summary), updated_at = excluded.updated_at`
          return yield* status(agent)
        },
        Effect.orDie
      )

      return Workspaces.of({
        list: listed(undefined),
        status,
        deps: (agent, paths) =>
          sql<Held>`SELECT path, agent AS "heldBy" FROM claims WHERE agent <> ${agent} ORDER BY path`.pipe(
            Effect.map((held) => {
              const asked = new Set(paths)
              return asked.size === 0 ? held : held.filter(({ path }) => asked.has(path))
            }),
            Effect.orDie
          ),
        claim: Effect.fnUntraced(function*(agent, path, now) {
          const [holder] = yield* sql<{ readonly agent: string }>`SELECT agent FROM claims WHERE path = ${path}`.pipe(
            Effect.orDie
          )
          if (holder !== undefined && holder.agent !== agent) {
            return yield* new Refused({ message: `${path} is claimed by ${holder.agent}` })
          }
          if (holder === undefined) {
            yield* room.forPath(agent, path)
            yield* Effect.orDie(sql`INSERT INTO claims ${sql.insert({ path, agent, claimed_at: now })}`)
          }
          return yield* move(agent, "active", null, now)
        }),
        ready: (agent, summary, now) =>
          Effect.andThen(room.forSummary(summary ?? ""), move(agent, "ready", summary ?? null, now)),
        end: Effect.fnUntraced(function*(agent, phase, now) {
          yield* sql`DELETE FROM claims WHERE agent = ${agent}`.pipe(Effect.orDie)
          return yield* move(agent, phase, null, now)
        })
      })
    })
  )
}

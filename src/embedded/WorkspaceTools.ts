/** The seven `relay_workspace_*` tools. */
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Caller } from "./EmbeddedTokens.ts"
import { described, key, reading, reads, writes, writing } from "./toolAnnotations.ts"
import { Held, Workspace, Workspaces } from "./Workspaces.ts"
import { Writes } from "./Writes.ts"

export const WorkspaceTools = Toolkit.make(
  Tool.make("relay_workspace_status", {
    description: "Your workspace: its phase, its summary and what it claims.",
    success: Workspace,
    ...reading
  }).annotateMerge(reads),
  Tool.make("relay_workspace_list", {
    description: "The workspaces of all agents.",
    success: Schema.Struct({ workspaces: Schema.Array(Workspace) }),
    ...reading
  }).annotateMerge(reads),
  Tool.make("relay_workspace_deps", {
    description: "What other agents claim, so that you know whom to wait for.",
    parameters: Schema.Struct({ paths: Schema.optionalKey(Schema.Array(Schema.String)) }),
    success: Schema.Struct({ held: Schema.Array(Held) }),
    ...reading
  }).annotateMerge(reads),
  Tool.make("relay_workspace_claim", {
    description: "Claim a path for your workspace. Refused while another agent claims it.",
    parameters: Schema.Struct({ path: described("A path or module, as the agents agreed to name it."), ...key }),
    success: Workspace,
    ...writing
  }).annotateMerge(writes),
  Tool.make("relay_workspace_ready", {
    description: "Say that your work is ready for review.",
    parameters: Schema.Struct({ summary: Schema.optionalKey(described("What was done.")), ...key }),
    success: Workspace,
    ...writing
  }).annotateMerge(writes),
  Tool.make("relay_workspace_release", {
    description: "Give your workspace up and free what it claims.",
    parameters: Schema.Struct(key),
    success: Workspace,
    ...writing
  }).annotateMerge(writes),
  Tool.make("relay_workspace_land", {
    description: "Say that your work has landed; frees what the workspace claims.",
    parameters: Schema.Struct(key),
    success: Workspace,
    ...writing
  }).annotateMerge(writes)
)

export const layer = WorkspaceTools.toLayer(Effect.gen(function*() {
  const workspaces = yield* Workspaces
  const { once } = yield* Writes

  const end = Effect.fnUntraced(function*(tool: string, phase: "released" | "landed", key: string | undefined) {
    const agent = yield* Caller
    return yield* once({ agent, tool, key, arguments: {} }, Workspace, (now) => workspaces.end(agent, phase, now))
  })

  return WorkspaceTools.of({
    relay_workspace_status: () => Effect.flatMap(Caller, workspaces.status),
    relay_workspace_list: () => Effect.map(workspaces.list, (all) => ({ workspaces: all })),
    relay_workspace_deps: Effect.fnUntraced(function*({ paths }) {
      return { held: yield* workspaces.deps(yield* Caller, paths ?? []) }
    }),
    relay_workspace_claim: Effect.fnUntraced(function*({ idempotencyKey, path }) {
      const agent = yield* Caller
      return yield* once(
        { agent, tool: "relay_workspace_claim", key: idempotencyKey, arguments: { path } },
        Workspace,
        (now) => workspaces.claim(agent, path, now)
      )
    }),
    relay_workspace_ready: Effect.fnUntraced(function*({ idempotencyKey, summary }) {
      const agent = yield* Caller
      return yield* once(
        { agent, tool: "relay_workspace_ready", key: idempotencyKey, arguments: { summary: summary ?? null } },
        Workspace,
        (now) => workspaces.ready(agent, summary, now)
      )
    }),
    relay_workspace_release: ({ idempotencyKey }) => end("relay_workspace_release", "released", idempotencyKey),
    relay_workspace_land: ({ idempotencyKey }) => end("relay_workspace_land", "landed", idempotencyKey)
  })
}))

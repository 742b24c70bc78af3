/**
 * Holdfast inside another Effect program: its own token getter, its own say in where an agent stands.
 *
 * Run it beside a relay: `npm install holdfast effect @effect/platform-node`, then
 * `RELAY_URL=http://localhost:4850/api/mcp RELAY_TOKEN=… node docs/examples/embed.ts`
 */
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option, Stream } from "effect"
import { defaultAgent, defaultRelay, Holdfast, type TokenSource } from "holdfast"

const tokenSource = Effect.gen(function*() {
  const value = yield* Config.Redacted("RELAY_TOKEN")
  const source: TokenSource = {
    name: "my-program",
    fetch: Effect.succeed({ source: "my-program", value, expiresAt: Option.none(), subject: Option.some("me") }),
    changes: Stream.empty
  }
  return source
})

/** The runtime, with the menu's rules and the token of this program. */
export const layer = Layer.unwrap(Effect.gen(function*() {
  const url = yield* Config.String("RELAY_URL")
  const dataDir = yield* Config.String("DATA_DIR").pipe(Config.withDefault("./holdfast-data"))
  return Holdfast.layer({
    settings: {
      relay: { url },
      dataDir,
      listen: { port: 0 },
      menu: { rules: [{ tools: ["relay_workspace_*"], needs: "isolatedWorktree", reason: "only in a worktree" }] }
    },
    token: yield* tokenSource
  })
}))

/** Attaches the agent to a worktree, as this program sees fit, and has the menus follow. */
export const program = Effect.gen(function*() {
  const holdfast = yield* Holdfast
  yield* Console.log(`agents connect to ${holdfast.url}`)
  yield* holdfast.sendContext(defaultAgent, { _tag: "Attach", path: process.cwd(), branch: "topic" }, {
    cause: "library"
  })
  yield* holdfast.refreshTools(defaultRelay)
})

if (import.meta.main) {
  program.pipe(Effect.andThen(Effect.never), Effect.provide(layer), NodeRuntime.runMain)
}

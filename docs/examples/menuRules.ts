/** The menu's rules as a function: an agent that stands in no worktree of its own sees no tool that sends. */
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option } from "effect"
import { defaultAgent, type Facts, Holdfast, type MenuRule } from "holdfast"

const rule: MenuRule = { tools: ["*_send_*"], needs: "isolatedWorktree", reason: "only from a worktree" }

/** The rule that hides a tool, so that `holdfast tools` says why; `None` where the agent sees it. */
const menu = (facts: Facts) => (tool: string): Option.Option<MenuRule> =>
  !facts.has(rule.needs) && tool.includes("_send_") ? Option.some(rule) : Option.none()

const layer = Layer.unwrap(Effect.gen(function*() {
  const url = yield* Config.String("RELAY_URL")
  return Holdfast.layer({ settings: { relay: { url }, listen: { port: 0 } }, menu })
}))

const program = Effect.gen(function*() {
  const holdfast = yield* Holdfast
  yield* Console.log(`agents connect to ${holdfast.url}, and only read`)
  const attach = { _tag: "Attach", path: process.cwd(), branch: "topic" } as const
  yield* holdfast.sendContext(defaultAgent, attach, { cause: "library" })
  yield* Console.log("agents may send")
})

NodeRuntime.runMain(Effect.provide(program, layer))

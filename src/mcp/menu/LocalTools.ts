/**
 * Tools that Holdfast itself answers, beside the relay's: each is off unless a setting names it, only reads, and knows of
 * nothing but the agent that asks. They stand behind the relay's tools in every list, rules and pins do not apply to them,
 * and a tool of the relay of the same name is not in the menu and not called.
 */
import { Context, Effect, Layer } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import * as InboxTool from "./InboxTool.ts"
import * as ResultsTool from "./ResultsTool.ts"

export interface LocalTool {
  readonly name: string
  /** The text of its definition, as tools/list has it. */
  readonly definition: string
  /** Gives the text of a tool result, in legacy form. What is wrong with the arguments is said in it. */
  readonly call: (agent: AgentName, args: unknown) => Effect.Effect<string>
}

/** One for each relay. */
export class LocalTools extends Context.Service<LocalTools, {
  readonly all: ReadonlyArray<LocalTool>
  readonly find: (name: string) => LocalTool | undefined
}>()("holdfast/mcp/LocalTools") {
  static readonly layer = Layer.effect(
    LocalTools,
    Effect.gen(function*() {
      const all: ReadonlyArray<LocalTool> = [...yield* ResultsTool.make, ...yield* InboxTool.make]
      return LocalTools.of({ all, find: (name) => all.find((tool) => tool.name === name) })
    })
  )
}

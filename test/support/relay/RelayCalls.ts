/** What the test relay's tools do. */
import type { CallToolResult, InputRequiredResult, Server, ServerContext } from "@modelcontextprotocol/server"
import { setTimeout as sleep } from "node:timers/promises"
import { ask, asks } from "./RelayQuestions.ts"
import { mayUse, type RelayState } from "./RelayState.ts"
import { writes } from "./RelayTools.ts"

type Arguments = Readonly<Record<string, unknown>>

const answer = (value: Record<string, unknown>): CallToolResult => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  structuredContent: value
})
const refusal = (text: string): CallToolResult => ({ content: [{ type: "text", text }], isError: true })
const millisOf = (value: unknown): number => typeof value === "number" ? value : 0

const keyOf = (args: Arguments, ctx: ServerContext): string | null => {
  const key = args["idempotencyKey"] ?? ctx.mcpReq._meta?.["holdfast/idempotencyKey"]
  return typeof key === "string" ? key : null
}

export const callTool = async (
  state: RelayState,
  name: string,
  args: Arguments,
  ctx: ServerContext,
  server: Server
): Promise<CallToolResult | InputRequiredResult> => {
  const tool = state.tools.get(name)
  if (tool === undefined) return refusal(`Tool ${name} not found`)
  const agent = ctx.http?.authInfo?.clientId ?? "anonymous"
  if (!mayUse(tool, ctx.http?.authInfo?.scopes ?? ["*"])) {
    return refusal(`insufficient scope: ${name} needs ${tool.scope}`)
  }
  if (writes.has(name) || tool.isWrite === true) {
    await state.gate.pass("before commit")
    const entry = state.ledger.commit({ tool: name, key: keyOf(args, ctx), arguments: args, agent })
    if (name === "commit_and_die") process.exit(1)
    await state.gate.pass("after commit")
    return answer({ id: entry.id, tool: name })
  }
  if (asks(name)) return ask(name, server, ctx)
  return readTool(state, name, args, agent, ctx)
}

const readTool = async (
  state: RelayState,
  name: string,
  args: Arguments,
  agent: string,
  ctx: ServerContext
): Promise<CallToolResult> => {
  switch (name) {
    case "relay_inbox": {
      const messages = state.ledger.entries.filter((entry) =>
        entry.tool === "relay_send_message" && (agent === "anonymous" || entry.arguments["to"] === agent)
      )
      const after = messages.findIndex((entry) => entry.id === args["after"])
      return answer({
        messages: messages.slice(after + 1).map((entry) => ({
          id: entry.id,
          from: entry.agent,
          to: entry.arguments["to"],
          text: entry.arguments["text"]
        }))
      })
    }
    case "relay_list_agents":
      return answer({ agents: Object.values(state.tokens ?? {}).map((grant) => grant.agent) })
    case "whoami":
      return answer({ agent, scopes: ctx.http?.authInfo?.scopes ?? ["*"], session: ctx.sessionId ?? null })
    case "fail":
      return refusal(`refused: ${String(args["text"] ?? "")}`)
    case "slow": {
      const steps = Math.max(1, millisOf(args["steps"] ?? 1))
      for (let step = 1; step <= steps; step++) {
        await sleep(millisOf(args["millis"]) / steps)
        await progress(ctx, step, steps, "x".repeat(millisOf(args["bytes"])))
      }
      return answer({ slept: millisOf(args["millis"]) })
    }
    case "silent":
      if (args["millis"] === undefined) await new Promise(() => {})
      await sleep(millisOf(args["millis"]))
      return answer({ silent: millisOf(args["millis"]) })
    case "stepwise": {
      const steps = millisOf(args["steps"])
      for (let step = 1; step <= steps; step++) {
        await state.awaitStep()
        await progress(ctx, step, steps, `step ${step}`)
      }
      return answer({ steps })
    }
    case "log":
      await ctx.mcpReq.log("warning", String(args["text"] ?? ""), "test-relay")
      return answer({ logged: true })
    default:
      return answer({ tool: name, agent, arguments: args })
  }
}

const progress = async (ctx: ServerContext, step: number, total: number, message: string): Promise<void> => {
  const progressToken = ctx.mcpReq._meta?.progressToken
  if (progressToken === undefined) return
  await ctx.mcpReq.notify({
    method: "notifications/progress",
    params: { progressToken, progress: step, total, message }
  })
}

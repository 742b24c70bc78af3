/** The test relay's menu. A tool's scope decides which tokens see it. */
import { questionTools } from "./RelayQuestions.ts"

export interface ToolDefinition {
  readonly name: string
  readonly description?: string
  readonly inputSchema: { readonly type: "object"; readonly [key: string]: unknown }
  readonly outputSchema?: { readonly type: "object"; readonly [key: string]: unknown }
  readonly annotations?: { readonly readOnlyHint?: boolean; readonly idempotentHint?: boolean }
  readonly scope?: string
  /** Its calls go to the ledger, as those of `writes` do. */
  readonly isWrite?: boolean
}

type Properties = Readonly<Record<string, { readonly type: string; readonly description?: string }>>

const text = { type: "string" }
const number = { type: "number" }
const object = (properties: Properties, required: ReadonlyArray<string> = []) => ({
  type: "object" as const,
  properties,
  ...(required.length === 0 ? {} : { required })
})

const read = (name: string, scope: string, properties: Properties = {}): ToolDefinition => ({
  name,
  description: `${name} (reads)`,
  inputSchema: object(properties),
  annotations: { readOnlyHint: true },
  scope
})

const key = { idempotencyKey: { type: "string", description: "The same key twice is one write." } }

/** Tools whose calls are written to the ledger. */
export const writes = new Set([
  "relay_send_message",
  "relay_reply",
  "relay_workspace_ready",
  "relay_workspace_claim",
  "relay_workspace_release",
  "relay_workspace_land",
  "commit_and_die"
])

export const menu = (options: {
  readonly declaresKey: boolean
  readonly idempotentHint: boolean
}): ReadonlyArray<ToolDefinition> => {
  const write = (name: string, scope: string, properties: Properties, required: ReadonlyArray<string>) => ({
    name,
    description: `${name} (writes)`,
    inputSchema: object(options.declaresKey ? { ...properties, ...key } : properties, required),
    outputSchema: object({ id: text, tool: text }, ["id", "tool"]),
    ...(options.idempotentHint ? { annotations: { idempotentHint: true } } : {}),
    scope
  })
  return [
    write("relay_send_message", "messages", { to: text, text }, ["to", "text"]),
    write("relay_reply", "messages", { messageId: text, text }, ["messageId", "text"]),
    read("relay_inbox", "messages", { after: text }),
    read("relay_list_agents", "messages"),
    read("relay_workspace_status", "workspace"),
    write("relay_workspace_ready", "workspace", { summary: text }, []),
    read("relay_workspace_deps", "workspace"),
    read("relay_workspace_list", "workspace"),
    write("relay_workspace_claim", "workspace", { path: text }, []),
    write("relay_workspace_release", "workspace", {}, []),
    write("relay_workspace_land", "workspace", {}, []),
    read("echo", "test", { text }),
    read("whoami", "test"),
    { name: "fail", description: "Always an isError result", inputSchema: object({ text }), scope: "test" },
    {
      name: "slow",
      description: "Answers after `millis`, with `steps` progress notifications on the way",
      inputSchema: object({ millis: number, steps: number, bytes: number }),
      scope: "test"
    },
    {
      name: "silent",
      description: "Answers after `millis` (never, without) and sends nothing until then",
      inputSchema: object({ millis: number }),
      scope: "test"
    },
    {
      name: "stepwise",
      description: "Each of `steps` progress notifications waits for the test's permission",
      inputSchema: object({ steps: number }),
      scope: "test"
    },
    { name: "log", description: "Sends a log message, then answers", inputSchema: object({ text }), scope: "test" },
    ...questionTools,
    write("commit_and_die", "test", { text }, [])
  ]
}

/** The tools of a relay on a local socket, as `tools/list` has them. The daemon itself has no such list. */

const text = (description: string) => ({ type: "string", description })

const key = {
  idempotencyKey: text("The same key with the same arguments is one message, however often it is sent.")
}

const object = (properties: object, required: ReadonlyArray<string>) => ({ type: "object", properties, required })

const writes = { readOnlyHint: false, destructiveHint: false, openWorldHint: false }
const reads = { readOnlyHint: true, destructiveHint: false, openWorldHint: false }

/** An agent that starts hours later, or ends one that began meanwhile, is not what was asked for. */
const neverQueued = { _meta: { "holdfast/neverQueued": true } }

/** `dedupes`: the daemon takes the same id for one message, so a key is declared and a message may be sent again. */
const definitions = (dedupes: boolean) => [
  {
    name: "relay_send_message",
    description: "Send a message to another agent, or to all with \"*\".",
    inputSchema: object(
      { to: text("The agent's name, or *."), text: text("The message."), ...dedupes ? key : {} },
      ["to", "text"]
    ),
    annotations: { ...writes, ...dedupes ? { idempotentHint: true } : {} }
  },
  {
    name: "relay_reply",
    description: "Reply to a message that you received.",
    inputSchema: object(
      { messageId: text("Its id."), text: text("The reply."), ...dedupes ? key : {} },
      ["messageId", "text"]
    ),
    annotations: { ...writes, ...dedupes ? { idempotentHint: true } : {} }
  },
  {
    name: "relay_inbox",
    description: "Read your messages, oldest first, 100 at a time.",
    inputSchema: object(
      { after: text("Only messages after the one with this id: the last that you have read.") },
      []
    ),
    annotations: reads
  },
  {
    name: "relay_list_agents",
    description: "List the agents that the relay knows.",
    inputSchema: object({}, []),
    annotations: reads
  },
  {
    name: "relay_spawn",
    description: "Start another agent.",
    inputSchema: object({
      name: text("Its name."),
      cli: text("The program: claude, codex, gemini or another that the relay knows."),
      task: text("What it is to do."),
      cwd: text("Where it works; the relay chooses, without.")
    }, ["name", "cli", "task"]),
    annotations: writes,
    ...neverQueued
  },
  {
    name: "relay_release",
    description: "End an agent that was started here.",
    inputSchema: object({ name: text("Its name.") }, ["name"]),
    annotations: { ...writes, destructiveHint: true },
    ...neverQueued
  }
]

/** The result of `tools/list`, JSON text; put together when it is first asked for. */
const results = new Map<boolean, string>()
export const listResult = (dedupes: boolean): string => {
  const known = results.get(dedupes) ?? JSON.stringify({ tools: definitions(dedupes) })
  results.set(dedupes, known)
  return known
}

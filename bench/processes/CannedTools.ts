/** What the bench's relays offer, and what their tools answer. */
export const sizes = { small: 200, large: 64 * 1024 }

export type EchoTool = keyof typeof sizes

export const textOf = (tool: EchoTool): string => "x".repeat(sizes[tool])

/** Events of the tool `stream`, the answer among them. */
export const streamEvents = 100

const schema = { type: "object", properties: { text: { type: "string" }, to: { type: "string" } } }

const few = [
  ...["small", "large", "stream"].map((name) => ({ name, description: `Answers, ${name}.`, inputSchema: schema })),
  {
    name: "relay_send_message",
    description: "Sends a message.",
    inputSchema: { ...schema, properties: { ...schema.properties, idempotencyKey: { type: "string" } } }
  }
]

/** 2 KiB each, so that 500 of them are the 1 MiB that a large relay's menu is. */
const filler = (index: number, suffix: string) => ({
  name: `${index % 5 === 0 ? "hidden" : "shown"}_${index}`,
  description: `Tool ${index}${suffix}. ${"It does one thing, and says here in many words which. ".repeat(30)}`,
  inputSchema: {
    type: "object",
    properties: {
      id: { type: "string", description: "The id, as the list returned it." },
      body: { type: "string", description: "Markdown. Mention people with @ and link other items by their id." }
    }
  }
})

/** `count` tools in all; `edition` changes the definitions, as a new release of a relay does. */
export const tools = (count: number, edition: number): ReadonlyArray<unknown> => [
  ...few,
  ...Array.from(
    { length: Math.max(0, count - few.length) },
    (_, index) => filler(index, edition === 0 ? "" : ` of edition ${edition}`)
  )
]

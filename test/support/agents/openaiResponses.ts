/** The Responses API, as far as Codex needs it of a model that calls functions. */
import { type Dialect, serverSentEvents } from "./ScriptedModel.ts"

interface Tool {
  readonly type: string
  readonly name?: string
  /** Of a namespace: a server's tools together. */
  readonly tools?: ReadonlyArray<Tool>
}

interface Request {
  readonly tools?: ReadonlyArray<Tool>
  readonly input: ReadonlyArray<{ readonly type: string; readonly output?: unknown }>
}

/** With their namespace: `mcp__holdfast/relay_inbox`. */
const namesIn = (tools: ReadonlyArray<Tool>, prefix = ""): ReadonlyArray<string> =>
  tools.flatMap(({ name = "", tools }) => tools === undefined ? [prefix + name] : namesIn(tools, `${name}/`))

const called = (tool: string) => {
  const [namespace, name] = tool.split("/")
  return name === undefined ? { name: tool } : { namespace, name }
}

const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }

export const openaiResponses: Dialect = {
  question: ({ body, path }) => {
    if (!path.endsWith("/responses")) return undefined
    const { input, tools = [] }: Request = JSON.parse(body)
    const last = input.findLastIndex(({ type }) => type === "function_call")
    const results = input.slice(last + 1)
      .flatMap((item) => item.type === "function_call_output" ? [JSON.stringify(item.output)] : [])
    return { tools: namesIn(tools), results }
  },
  stream: (move, number) => {
    const item = "call" in move
      ? {
        type: "function_call",
        call_id: `call_${number}`,
        ...called(move.call),
        arguments: JSON.stringify(move.input)
      }
      : { type: "message", role: "assistant", content: [{ type: "output_text", text: move.say }] }
    const response = { id: `resp_${number}` }
    return serverSentEvents([
      { type: "response.created", response },
      { type: "response.output_item.done", item: { id: `item_${number}`, ...item } },
      { type: "response.completed", response: { ...response, usage } }
    ])
  }
}

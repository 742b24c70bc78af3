/** The Messages API, as far as Claude Code needs it of a model. */
import { type Dialect, serverSentEvents } from "./ScriptedModel.ts"

interface Block {
  readonly type: string
  readonly text?: string
  readonly content?: unknown
}

interface Request {
  readonly tools?: ReadonlyArray<{ readonly name: string }>
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: string | ReadonlyArray<Block> }>
}

const textOf = (content: string | ReadonlyArray<Block>): string =>
  typeof content === "string" ? content : content.map(({ text = "" }) => text).join("\n\n")

/** Tools that Claude Code only names, in messages: they are asked for by `ToolSearch` before they are called. */
const deferredIn = (messages: Request["messages"]): ReadonlyArray<string> => {
  const names = new Set<string>()
  const news = /^.*tools are (?:now available via ToolSearch|(no longer available)).*:((?:\n\S+)+)/gm
  for (const { content } of messages) {
    for (const [, removed, list = ""] of textOf(content).matchAll(news)) {
      for (const name of list.trim().split("\n")) {
        if (removed === undefined) names.add(name)
        else names.delete(name)
      }
    }
  }
  return [...names]
}

const usage = { input_tokens: 1, output_tokens: 1 }

export const anthropicMessages: Dialect = {
  question: ({ body, path }) => {
    if (!/^\/v1\/messages(\?|$)/.test(path)) return undefined
    const { messages, tools = [] }: Request = JSON.parse(body)
    const last = messages.findLastIndex(({ role }) => role === "assistant")
    const results = messages.slice(last + 1).flatMap(({ content }) => typeof content === "string" ? [] : content)
      .flatMap((block) => block.type === "tool_result" ? [JSON.stringify(block.content)] : [])
    const loaded = tools.map(({ name }) => name)
    const deferred = deferredIn(messages).filter((name) => !loaded.includes(name))
    return { tools: [...loaded, ...deferred].toSorted(), deferred, results }
  },
  load: (tool) => ({ call: "ToolSearch", input: { query: `select:${tool}` } }),
  stream: (move, number) => {
    const calls = "call" in move
    const block = calls
      ? { type: "tool_use", id: `toolu_${number}`, name: move.call, input: {} }
      : { type: "text", text: "" }
    const delta = calls
      ? { type: "input_json_delta", partial_json: JSON.stringify(move.input) }
      : { type: "text_delta", text: move.say }
    const message = { id: `msg_${number}`, type: "message", role: "assistant", model: "scripted", content: [], usage }
    return serverSentEvents([
      { type: "message_start", message: { ...message, stop_reason: null, stop_sequence: null } },
      { type: "content_block_start", index: 0, content_block: block },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: calls ? "tool_use" : "end_turn", stop_sequence: null }, usage },
      { type: "message_stop" }
    ])
  }
}

/** The Messages API, as far as Claude Code needs it of a model. */
import { type Dialect, serverSentEvents } from "./ScriptedModel.ts"

interface Request {
  readonly tools?: ReadonlyArray<{ readonly name: string }>
  readonly messages: ReadonlyArray<{
    readonly role: string
    readonly content: string | ReadonlyArray<{ readonly type: string; readonly content?: unknown }>
  }>
}

const usage = { input_tokens: 1, output_tokens: 1 }

export const anthropicMessages: Dialect = {
  question: ({ body, path }) => {
    if (!/^\/v1\/messages(\?|$)/.test(path)) return undefined
    const { messages, tools = [] }: Request = JSON.parse(body)
    const last = messages.findLastIndex(({ role }) => role === "assistant")
    const results = messages.slice(last + 1).flatMap(({ content }) => typeof content === "string" ? [] : content)
      .flatMap((block) => block.type === "tool_result" ? [JSON.stringify(block.content)] : [])
    return { tools: tools.map(({ name }) => name), results }
  },
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

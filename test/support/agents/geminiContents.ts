/** The Gemini API, as far as the Gemini CLI needs it of a model. */
import { type Dialect, serverSentEvents } from "./ScriptedModel.ts"

interface Request {
  readonly tools?: ReadonlyArray<{ readonly functionDeclarations?: ReadonlyArray<{ readonly name: string }> }>
  readonly contents: ReadonlyArray<{
    readonly role: string
    readonly parts: ReadonlyArray<{ readonly functionResponse?: { readonly response: unknown } }>
  }>
}

export const geminiContents: Dialect = {
  question: ({ body, path }) => {
    if (!path.includes(":streamGenerateContent")) return undefined
    const { contents, tools = [] }: Request = JSON.parse(body)
    const last = contents.findLastIndex(({ role }) => role === "model")
    const results = contents.slice(last + 1).flatMap(({ parts }) => parts)
      .flatMap(({ functionResponse }) =>
        functionResponse === undefined ? [] : [JSON.stringify(functionResponse.response)]
      )
    const names = tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations.map(({ name }) => name))
    return { tools: names, results }
  },
  stream: (move) => {
    const part = "call" in move ? { functionCall: { name: move.call, args: move.input } } : { text: move.say }
    return serverSentEvents([{
      candidates: [{ content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 }
    }])
  }
}

/** The tool by which an agent reads its own kept results, where `results.tool` names one. */
import { DateTime, Effect, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { KeptResult } from "../../results/KeptResult.ts"
import { Results } from "../../results/Results.ts"
import type { LocalTool } from "./LocalTools.ts"

const maxListed = 100

/** None where the setting names none. */
export const make: Effect.Effect<ReadonlyArray<LocalTool>, never, Settings | Results> = Effect.gen(function*() {
  const { results: { tool: name } } = yield* Settings
  if (name === undefined) return []
  const results = yield* Results
  const tool: LocalTool = {
    name,
    definition: definitionOf(name),
    call: Effect.fnUntraced(function*(agent, args) {
      const id = Predicate.hasProperty(args, "id") ? args.id : undefined
      if (id === undefined) return listed(yield* results.list({ agent, limit: maxListed }))
      if (!Predicate.isNumber(id) || !Number.isSafeInteger(id)) return failed("id has to be a whole number")
      const found = yield* results.find(id, agent)
      if (Option.isNone(found)) return failed(`no result of this agent has the id ${id}: call the tool without an id`)
      if (Option.isSome(found.value.endedAt)) yield* results.given(id)
      return shown(found.value)
    })
  }
  return [tool]
})

const definitionOf = (name: string): string =>
  JSON.stringify({
    name,
    title: "Kept results",
    description:
      "Results of earlier tool calls whose answer did not reach this agent: its connection was lost, or it gave "
      + "up. Without an id it lists them, with one it gives that result. It only reads.",
    inputSchema: {
      type: "object",
      properties: { id: { type: "integer", description: "Which result, as the list or a note names it" } },
      additionalProperties: false
    },
    annotations: { readOnlyHint: true, idempotentHint: true, destructiveHint: false, openWorldHint: false }
  })

const textBlock = (text: string): string => JSON.stringify({ type: "text", text })

const failed = (text: string): string => `{"content":[${textBlock(text)}],"isError":true}`

const at = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const line = ({ calledAt, endedAt, id, state, tool }: KeptResult): string =>
  `${id}: ${tool}, called at ${at(calledAt)}, ${state}${
    Option.isSome(endedAt) ? ` at ${at(endedAt.value)}` : ", without a result so far"
  }`

const listed = (all: ReadonlyArray<KeptResult>): string =>
  `{"content":[${textBlock(all.length === 0 ? "No results are kept." : all.map(line).join("\n"))}]}`

/** The relay's own content behind a line that says what it is of; what is structured, as text. */
const shown = (result: KeptResult): string => {
  const response = Option.getOrElse(result.response, () => "{}")
  const content = JsonText.elements(response, ["result", "content"])
  const structured = JsonText.at(response, ["result", "structuredContent"])
  const error = JsonText.at(response, ["error"])
  const blocks = [
    textBlock(`Result ${line(result)}`),
    ...content,
    ...(structured === undefined ? [] : [textBlock(structured)]),
    ...(error === undefined ? [] : [textBlock(error)])
  ]
  return `{"content":[${blocks.join(",")}]}`
}

/**
 * The definitions of a tools/list result, each with its fingerprint: by that an approved one is known again.
 *
 * All of a definition counts: name, title, description, input and output schema, annotations, icons, `_meta`, and what
 * later revisions add. The order of keys, space and escapes do not, since many servers write them anew each time.
 */
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { canonical } from "../domain/CanonicalJson.ts"
import { itemText, type ListItem, type ListText, nameOf, readList } from "../domain/ListText.ts"

export interface ToolDefinition {
  /** Empty where it has none. */
  readonly name: string
  /** As the relay wrote it. */
  readonly text: string
  readonly fingerprint: string
}

/** To write a longer one in order would hold others up: it is known by its text as the relay wrote it. */
const maxOrdered = 1024 * 1024

export const fingerprint = (definition: string): string =>
  createHash("sha256").update(definition.length > maxOrdered ? definition : canonical(definition)).digest("base64url")

const definitionIn = (list: ListText) => (item: ListItem): ToolDefinition => {
  const text = itemText(list, item)
  return { name: nameOf(item) ?? "", text, fingerprint: fingerprint(text) }
}

/** In the list's order. */
export const definitionsIn = (result: string): ReadonlyArray<ToolDefinition> => {
  const list = readList("tools", result)
  return list.items.map(definitionIn(list))
}

/** Characters read before others have a turn. */
const maxLengthInOneTurn = 1024 * 1024

/** The same of a long list, with a turn for others now and then. */
export const definitionsInTurns = Effect.fnUntraced(function*(result: string) {
  const list = readList("tools", result)
  const all: Array<ToolDefinition> = []
  let done = 0
  for (const item of list.items) {
    if (done >= maxLengthInOneTurn) {
      done = 0
      yield* Effect.yieldNow
    }
    all.push(definitionIn(list)(item))
    done += item.end - item.start
  }
  return all
})

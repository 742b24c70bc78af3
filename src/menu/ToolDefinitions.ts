/**
 * The definitions of a tools/list result, each with its fingerprint: by that an approved one is known again.
 *
 * All of a definition counts: name, title, description, input and output schema, annotations, icons, `_meta`, and what
 * later revisions add. The order of keys, space and escapes do not, since many servers write them anew each time.
 */
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { canonical } from "../domain/CanonicalJson.ts"
import * as JsonText from "../domain/JsonText.ts"
import { nameOf } from "./Narrowing.ts"

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

/** In the list's order. `known`: the fingerprints of some of its definitions, by their text. */
export const definitionsIn = (
  result: string,
  known: ReadonlyMap<string, string> = new Map()
): ReadonlyArray<ToolDefinition> =>
  JsonText.elements(result, ["tools"]).map((text) => ({
    name: nameOf(text) ?? "",
    text,
    fingerprint: known.get(text) ?? fingerprint(text)
  }))

/** What is done at a stretch. */
const portion = 1024 * 1024

/** The fingerprints of a long list's definitions, by their text, with a turn for others now and then. */
export const fingerprintsIn = Effect.fnUntraced(function*(result: string) {
  const known = new Map<string, string>()
  let done = 0
  for (const text of JsonText.elements(result, ["tools"])) {
    known.set(text, fingerprint(text))
    done += text.length
    if (done < portion) continue
    done = 0
    yield* Effect.yieldNow
  }
  return known
})

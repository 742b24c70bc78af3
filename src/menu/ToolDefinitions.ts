/**
 * The definitions of a tools/list result, each with its fingerprint: by that an approved one is known again.
 *
 * All of a definition counts: name, title, description, input and output schema, annotations, icons, `_meta`, and what
 * later revisions add. The order of keys, space and escapes do not, since many servers write them anew each time.
 */
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

export const fingerprint = (definition: string): string =>
  createHash("sha256").update(canonical(definition)).digest("base64url")

/** In the list's order. */
export const definitionsIn = (result: string): ReadonlyArray<ToolDefinition> =>
  JsonText.elements(result, ["tools"]).map((text) => ({
    name: nameOf(text) ?? "",
    text,
    fingerprint: fingerprint(text)
  }))

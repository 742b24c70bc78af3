/** Whether two menus differ: a digest of whole definitions, not names alone, whatever their order (BEHAVIOUR 2). */
import { createHash } from "node:crypto"
import * as JsonText from "../domain/JsonText.ts"

/** The fingerprint of a tools/list result. What stands beside its tools (cursor, `_meta`, `ttlMs`) does not count. */
export const of = (result: string): string => {
  const hash = createHash("sha256")
  // A line break never stands raw inside a JSON string, so definitions can't run into each other unseen.
  for (const tool of JsonText.elements(result, ["tools"]).toSorted()) hash.update(tool).update("\n,")
  return hash.digest("base64url")
}

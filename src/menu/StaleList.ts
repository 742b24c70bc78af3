import { DateTime } from "effect"
import * as JsonText from "../domain/JsonText.ts"
import type { KeptList } from "./KeptLists.ts"

/** A kept list's result that says when it was fetched, and that it is not to be cached. */
export const staleList = ({ fetchedAt, result }: KeptList): string => {
  const at = JSON.stringify(DateTime.formatIso(DateTime.makeUnsafe(fetchedAt)))
  return JsonText.set(JsonText.set(result, ["_meta", "holdfast/stale"], at), ["ttlMs"], "0")
}

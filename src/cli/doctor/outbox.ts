import type { DateTime } from "effect"
import type { RelayView } from "../../admin/StatusView.ts"
import { bytes as plain, type SettingsValues } from "../../config/Settings.ts"
import { formatAge } from "../print.ts"
import { type Check, ok, problem } from "./Check.ts"

const nearlyFull = 0.9

/** What waits, what needs a person, and whether there is room for more. */
export const outbox = (
  { id, outbox: { bytes, dead, held, inflight, oldestAt, pending, writable } }: RelayView,
  { maxBytes, maxEntries }: SettingsValues["outbox"],
  now: DateTime.Utc
): Check => {
  const name = `outbox ${id}`
  const oldest = oldestAt === null ? "" : `, oldest ${formatAge(now, oldestAt)}`
  const found = `${pending} pending, ${inflight} in flight, ${held} held, ${dead} dead${oldest}`
  if (!writable) {
    return problem(name, `${found}; the disk refuses writes`, "free some space: no call is queued meanwhile")
  }
  // Dead letters have a bound of their own; the bytes of both are told together, so they warn early.
  const full = Math.max(Math.max(pending + inflight + held, dead) / maxEntries, bytes / plain(maxBytes))
  if (full >= nearlyFull) {
    return problem(name, `${found}; ${Math.floor(full * 100)} % full`, "\"holdfast outbox list\"; retry or discard")
  }
  if (dead > 0) {
    return problem(name, found, "\"holdfast outbox list --state dead\" says why; then retry or discard them")
  }
  if (held > 0) {
    return problem(name, found, "\"holdfast outbox list --state held\" says why; retry binds them to the present relay")
  }
  return ok(name, found)
}

import type { RelayView } from "../../admin/StatusView.ts"
import { type Check, ok, problem } from "./Check.ts"

/** Whether agents lack tools that nobody has approved; nothing is looked at where the relay's tools are not pinned. */
export const pinnedToolsOf = ({ id, pinnedTools }: RelayView): ReadonlyArray<Check> => {
  if (pinnedTools === undefined || pinnedTools === null) return []
  const name = `tools ${id}`
  const { approved, changed, new: added } = pinnedTools
  const found = `pinned, ${approved} approved, ${changed} changed, ${added} new`
  return [
    changed + added === 0
      ? ok(name, found)
      : problem(name, `${found}: held back`, "look at \"holdfast tools diff\", then \"holdfast tools approve\"")
  ]
}

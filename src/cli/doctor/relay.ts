import type { DateTime } from "effect"
import type { RelayView } from "../../admin/StatusView.ts"
import { formatAge } from "../print.ts"
import { type Check, ok, problem } from "./Check.ts"

/** Whether the daemon reaches it. */
export const relay = ({ id, link, url }: RelayView, now: DateTime.Utc): Check => {
  const name = `relay ${id}`
  if (link.state === "up") return ok(name, `${url} up for ${formatAge(now, link.since)}`)
  return problem(
    name,
    `${url} down for ${formatAge(now, link.since)}, tried ${link.attempts} times, next in ${
      formatAge(link.nextProbeAt, now)
    }: ${link.why}`,
    "look at the relay, its address and the network; Holdfast tries again by itself"
  )
}

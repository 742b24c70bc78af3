import { type DateTime, Effect, Option } from "effect"
import type { HttpClient } from "effect/http"
import type { RelayView } from "../../admin/StatusView.ts"
import { formatAge } from "../print.ts"
import { type Check, ok, problem } from "./Check.ts"
import { further } from "./further.ts"

const tryAgain = "Holdfast tries again by itself"

/** Whether the daemon reaches it; where not, what a look around from here brings. `at`: its URL with the query. */
export const relay = Effect.fnUntraced(function*(
  { id, link, url }: RelayView,
  now: DateTime.Utc,
  at: URL
): Effect.fn.Return<Check, never, HttpClient.HttpClient> {
  const name = `relay ${id}`
  if (link.state === "up") return ok(name, `${url} up for ${formatAge(now, link.since)}`)
  const found = `${url} down for ${formatAge(now, link.since)}, tried ${link.attempts} times, next in ${
    formatAge(link.nextProbeAt, now)
  }: ${link.why}`
  const seen = yield* further(at)
  if (Option.isSome(seen)) return problem(name, `${found}; ${seen.value.found}`, seen.value.remedy)
  return problem(name, found, `${link.hint ?? "look at the relay, its address and the network"}; ${tryAgain}`)
})

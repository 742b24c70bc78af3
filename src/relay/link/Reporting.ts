/** Tells the link of Down-class failures in the background: the one who failed does not wait for the verdict. */
import { Clock, Effect } from "effect"
import type { RelayFailure } from "../RelayFailure.ts"
import type { RelayLink } from "./RelayLink.ts"

/** By the time the report returns, `awaitUp` waits for the verdict. A hang began with its last byte. */
export const reporting = Effect.fnUntraced(function*(link: RelayLink["Service"]) {
  const scope = yield* Effect.scope
  return Effect.fnUntraced(function*(failure: RelayFailure) {
    if (!failure.downClass || failure.opening === true) return
    const now = Math.floor(yield* Clock.currentTimeMillis)
    const since = failure.reason._tag === "Silent" ? now - failure.reason.millis : now
    yield* Effect.forkIn(link.report(failure, since), scope, { startImmediately: true })
  })
})

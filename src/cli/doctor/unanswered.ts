/** What a relay asks for where there is no token; it is asked as somebody without one. */
import { Effect, Option } from "effect"
import type { HttpClient } from "effect/http"
import { challengeOf } from "../../token/sources/RelayChallenge.ts"

const timeout = "5 seconds"

/** `None` where it asks for no token, or does not answer. */
export const unanswered = (relay: URL): Effect.Effect<Option.Option<string>, never, HttpClient.HttpClient> =>
  challengeOf(relay).pipe(
    Effect.timeout(timeout),
    Effect.map(Option.fromUndefinedOr),
    Effect.orElseSucceed(() => Option.none())
  )

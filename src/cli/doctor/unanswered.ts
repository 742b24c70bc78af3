import { Effect, Option } from "effect"
import type { HttpClient } from "effect/http"
import { challengeOf } from "../../token/sources/RelayChallenge.ts"
import { type Check, problem } from "./Check.ts"
import { wantedRemedy } from "./token.ts"

const patience = "5 seconds"

/** Whether a relay asks for a token where there is none; it is asked as somebody without one. */
export const unanswered = Effect.fnUntraced(function*(
  name: string,
  relay: URL
): Effect.fn.Return<Option.Option<Check>, never, HttpClient.HttpClient> {
  const challenge = yield* challengeOf(relay).pipe(
    Effect.timeout(patience),
    Effect.orElseSucceed(() => undefined)
  )
  return challenge === undefined ? Option.none() : Option.some(problem(
    name,
    "none, and the relay asks for one",
    wantedRemedy
  ))
})

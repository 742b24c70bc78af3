/** What the log is told of a source that fails or refuses: loudly once, and each further try for those who debug. */
import { DateTime, Effect, Option } from "effect"
import type { TokenSourceFailed } from "./sources/TokenSource.ts"
import type { TokenState } from "./TokenState.ts"

/** With the source's code and status, the how manieth failure in a row it is, and when the source is asked again. */
export const log = (failure: TokenSourceFailed, before: TokenState, after: TokenState): Effect.Effect<void> => {
  const known = Option.exists(before.trouble, ({ retryable }) => retryable === failure.retryable)
  const what = failure.retryable ? "the token source fails" : "the token source refuses"
  const then = failure.retryable ? "trying again" : "trying again every 5 minutes"
  const say = known ? Effect.logDebug : failure.retryable ? Effect.logWarning : Effect.logError
  return say(`${what}: ${failure.message}; ${then}`).pipe(Effect.annotateLogs({
    code: failure.code,
    attempt: after.failures,
    ...(failure.status === undefined ? {} : { status: failure.status }),
    ...Option.match(after.nextAskAt, {
      onNone: () => ({}),
      onSome: (next) => ({ next: DateTime.formatIso(DateTime.makeUnsafe(Math.floor(next))) })
    })
  }))
}

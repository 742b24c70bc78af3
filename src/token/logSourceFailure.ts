/** Logs that a source fails: loudly the first time, and each further failure of that kind for those who debug. */
import { DateTime, Effect, Option } from "effect"
import { type CredentialState, isKnown, type SourceFailure } from "./CredentialState.ts"

/** With the source's code and status, which failure in a row it is, and when the source is asked again. */
export const logSourceFailure = <A, E extends SourceFailure>(
  message: string,
  failure: E,
  before: CredentialState<A, E>,
  { failures, nextAskAt }: Pick<CredentialState<A, E>, "failures" | "nextAskAt">
): Effect.Effect<void> => {
  const log = isKnown(before, failure) ? Effect.logDebug : failure.retryable ? Effect.logWarning : Effect.logError
  return log(message).pipe(Effect.annotateLogs({
    code: failure.code,
    attempt: failures,
    ...(failure.status === undefined ? {} : { status: failure.status }),
    ...Option.match(nextAskAt, {
      onNone: () => ({}),
      onSome: (next) => ({ next: DateTime.formatIso(DateTime.makeUnsafe(Math.floor(next))) })
    })
  }))
}

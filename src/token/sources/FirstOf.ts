import { Effect, Stream } from "effect"
import * as rotation from "../rotation.ts"
import { type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

/**
 * Asks one source after the other; the first that answers wins. Where none does, it fails with what each one said.
 * One that hangs gets its share of the time, so that the next one is asked at all.
 */
export const make = (sources: ReadonlyArray<TokenSource>): TokenSource => ({
  name: sources.map(({ name }) => name).join(", "),
  fetch: Effect.gen(function*() {
    const failures: Array<TokenSourceFailed> = []
    for (const source of sources) {
      const answer = yield* source.fetch.pipe(
        Effect.timeoutOrElse({
          duration: rotation.sourceTimeout / sources.length,
          orElse: () =>
            Effect.fail(
              new TokenSourceFailed({ code: "timeout", hint: `${source.name} did not answer in time`, retryable: true })
            )
        }),
        Effect.result
      )
      if (answer._tag === "Success") return answer.success
      failures.push(answer.failure)
    }
    return yield* new TokenSourceFailed({
      code: failures.map(({ code }) => code).join(", "),
      hint: failures.map(({ hint }) => hint).join("; "),
      retryable: failures.some(({ retryable }) => retryable)
    })
  }),
  changes: Stream.mergeAll(sources.map(({ changes }) => changes), { concurrency: "unbounded" })
})

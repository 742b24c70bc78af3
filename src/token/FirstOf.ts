import { Effect, Stream } from "effect"
import { type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

/** Asks one source after the other; the first that answers wins. Where none does, it fails with what each one said. */
export const make = (sources: ReadonlyArray<TokenSource>): TokenSource => ({
  name: sources.map(({ name }) => name).join(", "),
  fetch: Effect.gen(function*() {
    const failures: Array<TokenSourceFailed> = []
    for (const source of sources) {
      const answer = yield* Effect.result(source.fetch)
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

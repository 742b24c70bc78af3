/** A token source that answers as a test tells it to, and notes when it was asked. */
import { Clock, Effect, Option, Queue, Redacted, Stream } from "effect"
import { type IssuedToken, type TokenSource, TokenSourceFailed } from "../../../src/token/sources/TokenSource.ts"

export const issued = (value: string, expiresAt?: number): IssuedToken => ({
  source: "scripted",
  value: Redacted.make(value),
  expiresAt: Option.fromUndefinedOr(expiresAt),
  subject: Option.none()
})

export const transient = new TokenSourceFailed({ code: "HTTP 503", hint: "mint is restarting", retryable: true })
export const refusal = new TokenSourceFailed({ code: "HTTP 401", hint: "INVALID_WORKSPACE_TOKEN", retryable: false })

export const scriptedSource = Effect.gen(function*() {
  const asks: Array<number> = []
  const changed = yield* Queue.unbounded<void>()
  let answer: Effect.Effect<IssuedToken, TokenSourceFailed> = Effect.succeed(issued("one"))
  const source: TokenSource = {
    name: "scripted",
    fetch: Clock.currentTimeMillis.pipe(
      Effect.tap((at) => Effect.sync(() => asks.push(at))),
      Effect.andThen(Effect.suspend(() => answer))
    ),
    changes: Stream.fromQueue(changed)
  }
  return {
    source,
    asks,
    answers: (next: Effect.Effect<IssuedToken, TokenSourceFailed>) =>
      Effect.sync(() => {
        answer = next
      }),
    change: Queue.offer(changed, undefined)
  }
})

/**
 * One credential, asked for when it is needed and kept while it is fresh.
 *
 * One ask serves all that come meanwhile, and goes on when they give up. The source is asked at most once in 30 s, and
 * never only to see whether it would answer. What was replaced is not revoked: calls in flight go on with it.
 */
import { Clock, Deferred, Effect, Option, Redacted, Scope } from "effect"
import { CredentialUnavailable, type IssuedCredential } from "./CredentialSources.ts"

const leastPause = 30_000
/** How long a token of unknown end is given out unasked. */
const unknownFor = 60_000
const early = 5 * 60_000

export interface FreshCredential {
  /** Fresh where the source answers; else the last one while it has not ended. */
  readonly get: Effect.Effect<IssuedCredential, CredentialUnavailable>
  /** The same, but one that came longer ago than that many milliseconds is not fresh. */
  readonly getWithin: (age: number) => Effect.Effect<IssuedCredential, CredentialUnavailable>
  /** Somebody was refused with this token, or with whichever is in force: it is not given out again. */
  readonly erase: (token: Redacted.Redacted | undefined) => Effect.Effect<void>
  readonly status: Effect.Effect<CredentialState>
}

export interface CredentialState {
  readonly state: "none" | "valid" | "failing" | "rejected"
  readonly expiresAt: Option.Option<number>
  readonly lastAskAt: Option.Option<number>
  readonly lastError: Option.Option<CredentialUnavailable>
  /** Failures in a row. */
  readonly attempt: number
  /** Where the last ask failed: not asked again before. */
  readonly nextAskAt: Option.Option<number>
}

interface Held {
  readonly issued: IssuedCredential
  readonly since: number
}

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

const lasts = ({ expiresAt }: IssuedCredential, at: number): boolean => Option.getOrElse(expiresAt, () => Infinity) > at

const isFresh = ({ issued, since }: Held, at: number): boolean =>
  Option.match(issued.expiresAt, {
    onNone: () => at - since < unknownFor,
    onSome: (end) => end - at > Math.min(early, (end - since) / 5)
  })

export const make = Effect.fnUntraced(function*(
  name: string,
  ask: Effect.Effect<IssuedCredential, CredentialUnavailable>,
  /** Is told when its source starts to fail, and when it answers again. */
  told: (news: string) => Effect.Effect<void>
): Effect.fn.Return<FreshCredential, never, Scope.Scope> {
  const scope = yield* Scope.Scope
  let held: Held | undefined
  let trouble: CredentialUnavailable | undefined
  let failures = 0
  let lastAskAt: number | undefined
  let asking: Deferred.Deferred<void> | undefined

  const failed = (code: string, hint: string) => new CredentialUnavailable({ name, code, hint, retryable: true })

  const askOnce = ask.pipe(
    Effect.flatMap((issued) =>
      Effect.flatMap(
        now,
        (at) =>
          lasts(issued, at)
            ? Effect.succeed(issued)
            : Effect.fail(failed("expired", "the token that it gave has ended"))
      )
    ),
    Effect.matchEffect({
      onFailure: (error) => {
        // Said once, not with each try.
        const known = trouble?.code === error.code
        trouble = error
        failures += 1
        return known ? Effect.void : told(error.message)
      },
      onSuccess: (issued) =>
        Effect.flatMap(now, (since) => {
          const again = trouble !== undefined
          held = { issued, since }
          trouble = undefined
          failures = 0
          return again ? told(`the source of credential "${name}" answers again`) : Effect.void
        })
    })
  )

  const refreshed = Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
    if (asking === undefined) {
      const answer = Deferred.makeUnsafe<void>()
      asking = answer
      lastAskAt = yield* now
      yield* askOnce.pipe(
        Effect.ensuring(Effect.sync(() => void (asking = undefined))),
        Deferred.into(answer),
        Effect.forkIn(scope, { startImmediately: true })
      )
      return yield* restore(Deferred.await(answer))
    }
    return yield* restore(Deferred.await(asking))
  }))

  const getWithin = Effect.fnUntraced(function*(age: number) {
    const at = yield* now
    if (held !== undefined && isFresh(held, at) && at - held.since <= age) return held.issued
    const tooSoon = lastAskAt !== undefined && at - lastAskAt < leastPause
    if (asking !== undefined || !tooSoon) yield* refreshed
    if (held !== undefined && lasts(held.issued, yield* now)) return held.issued
    return yield* trouble ?? failed("refused", "the token was just refused; another is asked for in 30 s")
  })

  return {
    get: getWithin(Infinity),
    getWithin,
    erase: (token) =>
      Effect.sync(() => {
        if (held === undefined) return
        if (token === undefined || Redacted.value(token) === Redacted.value(held.issued.token)) held = undefined
      }),
    status: Effect.map(now, (at) => ({
      state: trouble !== undefined
        ? trouble.retryable ? "failing" : "rejected"
        : held !== undefined && lasts(held.issued, at)
        ? "valid"
        : "none",
      expiresAt: Option.flatMap(Option.fromUndefinedOr(held), ({ issued }) => issued.expiresAt),
      lastAskAt: Option.fromUndefinedOr(lastAskAt),
      lastError: Option.fromUndefinedOr(trouble),
      attempt: failures,
      nextAskAt: trouble === undefined
        ? Option.none()
        : Option.map(Option.fromUndefinedOr(lastAskAt), (asked) => asked + leastPause)
    }))
  }
})

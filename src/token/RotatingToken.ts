/**
 * One token and the fiber that rotates it: the actor behind `LiveToken` (BEHAVIOUR 7).
 *
 * The source is never asked twice at once; whoever asks meanwhile shares the answer. A failure of the source leaves the
 * token in force until it ends.
 */
import { Clock, Deferred, Effect, Metric, Option, Queue, Random, Redacted, Scope, Stream } from "effect"
import type { PrincipalId } from "../domain/Ids.ts"
import * as Metrics from "../observability/Metrics.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import { PrincipalMemory } from "./PrincipalMemory.ts"
import { principalOf, unknownPrincipal } from "./PrincipalOf.ts"
import * as rotation from "./rotation.ts"
import { type IssuedToken, type TokenSource, TokenSourceFailed } from "./sources/TokenSource.ts"
import type { AskedFor, Token, TokenStatus } from "./Token.ts"
import * as TokenState from "./TokenState.ts"
import * as TroubleLog from "./TroubleLog.ts"

export interface RotatingToken {
  readonly current: Effect.Effect<Option.Option<Token>>
  readonly principal: Effect.Effect<PrincipalId>
  readonly rejected: (used: Option.Option<Token>, askedFor: AskedFor) => Effect.Effect<Option.Option<Token>>
  readonly refused: (used: Option.Option<Token>, askedFor: AskedFor) => Effect.Effect<void>
  readonly accepted: (used: Option.Option<Token>, askedFor: () => AskedFor) => Effect.Effect<void>
  readonly refresh: Effect.Effect<TokenStatus>
  readonly status: Effect.Effect<TokenStatus>
}

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

const checked = (issued: IssuedToken, at: number): Effect.Effect<IssuedToken, TokenSourceFailed> => {
  if (Redacted.value(issued.value) === "") {
    return Effect.fail(
      new TokenSourceFailed({ code: "no token", hint: "the source answered without a token", retryable: true })
    )
  }
  if (Option.exists(issued.expiresAt, (expiresAt) => expiresAt <= at)) {
    return Effect.fail(
      new TokenSourceFailed({ code: "expired", hint: "the source gave a token that has ended", retryable: true })
    )
  }
  return Effect.succeed(issued)
}

/** `onChange` is called after each change of the token or its principal took effect. */
export const make = Effect.fnUntraced(function*(options: {
  readonly source: TokenSource
  readonly relay: string
  /** An agent, or `*` for all who share the token. */
  readonly owner: string
  readonly onChange: (principalChanged: boolean) => Effect.Effect<void>
}): Effect.fn.Return<RotatingToken, never, Supervisor | Scope.Scope> {
  const { onChange, owner, relay, source } = options
  const labels = { relay, agent: owner }
  const remembered = { relay, owner, source: source.name }
  const { keep, recall } = yield* PrincipalMemory
  const { supervise } = yield* Supervisor
  const scope = yield* Scope.Scope
  const rescheduled = yield* Queue.sliding<void>(1)
  let asking: Deferred.Deferred<void> | undefined
  let state = TokenState.initial(Option.getOrElse(yield* recall(remembered), () => unknownPrincipal))

  const counted = (outcome: string) =>
    Metric.update(Metric.withAttributes(Metrics.tokenRefreshes, { ...labels, outcome }), 1)

  yield* Metrics.declare(
    Metrics.tokenRefreshes,
    ...["changed", "unchanged", "failed", "rejected"].map((outcome) => ({ ...labels, outcome }))
  )

  const answered = Effect.fnUntraced(function*(issued: IssuedToken) {
    const { expiresAt, value } = issued
    const token: Token = { value, expiresAt, principal: principalOf(issued) }
    const before = state
    const next = TokenState.answered(before, token, yield* now, { jitter: yield* Random.next })
    state = next.state
    if (Option.isSome(before.trouble)) yield* Effect.logInfo("the token source answers again")
    yield* counted(next.changed ? "changed" : "unchanged")
    if (before.principal !== token.principal) yield* keep(remembered, token.principal)
    if (next.changed) yield* onChange(before.principal !== token.principal)
  })

  const failed = Effect.fnUntraced(function*(failure: TokenSourceFailed) {
    const before = state
    if (failure.absent === true) {
      state = TokenState.absent(state)
      if (Option.isSome(before.token)) yield* onChange(false)
      return
    }
    state = TokenState.failed(state, failure, yield* now)
    yield* counted(failure.retryable ? "failed" : "rejected")
    yield* TroubleLog.log(failure, before, state)
  })

  const askOnce = Effect.gen(function*() {
    state = TokenState.asked(state, yield* now)
    const issued = yield* source.fetch
    return yield* checked(issued, yield* now)
  }).pipe(
    Effect.catchDefect((defect) =>
      Effect.fail(new TokenSourceFailed({ code: "defect", hint: String(defect), retryable: true }))
    ),
    Effect.timeoutOrElse({
      duration: rotation.patience,
      orElse: () =>
        Effect.fail(new TokenSourceFailed({ code: "timeout", hint: "no answer within 10 s", retryable: true }))
    }),
    Effect.matchEffect({ onSuccess: answered, onFailure: failed }),
    Effect.annotateLogs({ ...labels, source: source.name })
  )

  const ask = Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
    if (asking === undefined) {
      const answer = Deferred.makeUnsafe<void>()
      asking = answer
      // In the actor's scope: a caller that goes away must not end what others wait for.
      yield* askOnce.pipe(
        Effect.ensuring(Effect.sync(() => {
          asking = undefined
        })),
        Effect.andThen(Queue.offer(rescheduled, undefined)),
        Deferred.into(answer),
        Effect.forkIn(scope, { startImmediately: true })
      )
      return yield* restore(Deferred.await(answer))
    }
    return yield* restore(Deferred.await(asking))
  }))

  /** Waits for the first answer; and where the token has ended unnoticed, as over a computer's sleep, for another one. */
  const settled = Effect.flatMap(now, (at) => {
    if (state.asks === 0 || (state.asks === 1 && asking !== undefined)) return ask
    const ended = Option.isSome(state.token) && Option.isNone(TokenState.inForce(state, at))
    return ended && (asking !== undefined || TokenState.overdue(state, at)) ? ask : Effect.void
  })

  const afresh = Effect.sync(() => {
    state = TokenState.afresh(state)
  })

  const onTime = Effect.gen(function*() {
    const at = yield* now
    const due = Option.getOrElse(state.nextAskAt, () => Infinity)
    if (due > at) {
      // Timers stand still while a computer sleeps: the time of day is looked at again and again.
      const wait = due === Infinity ? Effect.asSome : Effect.timeoutOption(Math.min(due - at, rotation.longestNap))
      const early = yield* wait(Queue.take(rescheduled))
      if (Option.isSome(early) || due > (yield* now)) return
    }
    yield* ask
  })

  const onChangeOfSource = Stream.runForEach(source.changes, () =>
    // An ask that is under way may have read what was there before.
    Effect.suspend(() => asking === undefined ? Effect.void : Deferred.await(asking)).pipe(
      Effect.andThen(afresh),
      Effect.andThen(ask)
    ))

  yield* supervise(`token ${relay}/${owner}`)(
    Effect.all([Effect.forever(onTime), onChangeOfSource], { concurrency: "unbounded", discard: true })
  )
  yield* Metrics.observed(
    Metrics.tokenTimeToExpiry,
    labels,
    (at) =>
      Option.match(Option.flatMap(state.token, ({ expiresAt }) => expiresAt), {
        onNone: () => Number.NaN,
        onSome: (expiresAt) => (expiresAt - at) / 1000
      })
  )

  const status = Effect.map(now, (at) => TokenState.statusOf(state, source.name, at))
  const inForce = Effect.map(now, (at) => TokenState.inForce(state, at))

  return {
    current: Effect.andThen(settled, inForce),
    principal: Effect.map(settled, () => state.principal),
    rejected: Effect.fnUntraced(function*(used, askedFor) {
      const present = yield* inForce
      if (Option.isSome(present) && !TokenState.same(present, used)) return present
      if (asking === undefined && !TokenState.mayAsk(state, yield* now)) return Option.none()
      state = TokenState.suspected(state, used, askedFor)
      yield* ask
      const next = yield* inForce
      return TokenState.same(next, used) ? Option.none() : next
    }),
    refused: Effect.fnUntraced(function*(used, askedFor) {
      if (!TokenState.same(used, yield* inForce)) return
      const before = state
      state = TokenState.refused(before, used, askedFor, yield* now)
      yield* Queue.offer(rescheduled, undefined)
      if (Option.isNone(used) || TokenState.isRefused(before) || TokenState.exhausted(before)) return
      // Loudly at first, and when it is given up.
      const log = before.refused._tag === "None" || TokenState.exhausted(state) ? Effect.logError : Effect.logDebug
      const then = TokenState.resting(state) ? "; asking the source again in 5 minutes" : ""
      yield* Effect.annotateLogs(
        log(`${TokenState.refusalInWords(state)} (401)${then}`),
        { ...labels, source: source.name }
      )
    }),
    accepted: (used, askedFor) =>
      Effect.suspend(() => {
        if (!TokenState.clears(state, used, askedFor)) return Effect.void
        const before = state
        const log = TokenState.isRefused(before) && Option.isSome(before.token)
          ? Effect.annotateLogs(Effect.logInfo("the relay takes the token again"), labels)
          : Effect.void
        return Effect.andThen(afresh, log)
      }),
    refresh: afresh.pipe(Effect.andThen(ask), Effect.andThen(status)),
    status
  }
})

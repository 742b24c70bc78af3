/** One token for the relay, renewed ahead of time, and what the relay's 401s do to it (BEHAVIOUR 7). */
import { Clock, Effect, Metric, Option, type Scope, Stream } from "effect"
import type { PrincipalId } from "../domain/Ids.ts"
import { Happenings, ofAgent, relaySubject } from "../observability/Happenings.ts"
import * as Metrics from "../observability/Metrics.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import * as CredentialState from "./CredentialState.ts"
import { logSourceFailure } from "./CredentialState.ts"
import { PrincipalMemory, principalOf, principalOfNone, unknownPrincipal } from "./Principal.ts"
import * as Refusals from "./Refusals.ts"
import * as RotatingCredential from "./RotatingCredential.ts"
import * as rotation from "./rotation.ts"
import { type TokenSource, TokenSourceFailed, usableOf } from "./sources/TokenSource.ts"
import type { AskedFor, Token, TokenStatus } from "./Token.ts"

export interface RelayToken {
  readonly current: Effect.Effect<Option.Option<Token>>
  readonly principal: Effect.Effect<PrincipalId>
  readonly rejected: (used: Option.Option<Token>, askedFor: AskedFor) => Effect.Effect<Option.Option<Token>>
  readonly refused: (used: Option.Option<Token>, askedFor: AskedFor) => Effect.Effect<void>
  readonly accepted: (used: Option.Option<Token>, askedFor: () => AskedFor) => Effect.Effect<void>
  readonly refresh: Effect.Effect<TokenStatus>
  readonly status: Effect.Effect<TokenStatus>
}

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

const maxFirstWait = "2 seconds"

/** `onChange` is called after each change of the token or its principal took effect. */
export const make = Effect.fnUntraced(function*(options: {
  readonly source: TokenSource
  readonly relay: string
  /** An agent, or `*` for all who share the token. */
  readonly owner: string
  readonly onChange: (principalChanged: boolean) => Effect.Effect<void>
}): Effect.fn.Return<RelayToken, never, Supervisor | Scope.Scope> {
  const { onChange, owner, relay, source } = options
  const labels = { relay, agent: owner }
  const annotated = Effect.annotateLogs({ ...labels, source: source.name })
  const remembered = { relay, owner, source: source.name }
  const { recall, save } = yield* PrincipalMemory
  const { supervise } = yield* Supervisor
  const happenings = yield* Happenings
  const subject = owner === "*" ? relaySubject(relay) : ofAgent(owner)
  const told = { relay, owner, source: source.name }
  /** Of the last token; before there is one, of the source. */
  let principal = Option.getOrElse(yield* recall(remembered), () => unknownPrincipal)
  let refusals = Refusals.none
  /** The last token with which the relay answered something. */
  let proven = Option.none<Token>()

  const counted = (outcome: string) =>
    Metric.update(Metric.withAttributes(Metrics.tokenRefreshes, { ...labels, outcome }), 1)

  yield* Metrics.declare(
    Metrics.tokenRefreshes,
    ...["changed", "unchanged", "failed", "rejected"].map((outcome) => ({ ...labels, outcome }))
  )

  const credential = yield* RotatingCredential.make<Token, TokenSourceFailed>({
    fetch: Effect.map(
      usableOf(source),
      (issued) => ({
        value: issued.value,
        expiresAt: issued.expiresAt,
        principal: principalOf(issued),
        name: issued.name,
        key: issued.key
      })
    ),
    secretOf: ({ value }) => value,
    transient: (code, hint) => new TokenSourceFailed({ code, hint, retryable: true }),
    coolsDown: (state) => Refusals.coolsDown(refusals, state),
    onIssued: Effect.fnUntraced(function*(before, token, repeated) {
      const principalChanged = principal !== token.principal
      principal = token.principal
      if (Option.isSome(before.lastError)) yield* Effect.logInfo("the token source answers again")
      const changed = principalChanged || !repeated
      yield* counted(changed ? "changed" : "unchanged")
      if (principalChanged) yield* save(remembered, principal, token.name)
      if (changed) {
        happenings.tell("token.changed", subject, {
          ...told,
          ...Option.isSome(token.expiresAt) && { expiresAt: token.expiresAt.value },
          principalChanged
        })
        yield* onChange(principalChanged)
      }
    }, annotated),
    onFailed: Effect.fnUntraced(function*(before, failure, after) {
      if (failure.absent === true) {
        if (Option.isSome(before.held)) yield* onChange(false)
        return
      }
      yield* counted(failure.retryable ? "failed" : "rejected")
      happenings.tell(failure.retryable ? "token.failing" : "token.rejected", subject, {
        ...told,
        code: failure.code,
        hint: failure.hint,
        ...failure.status !== undefined && { status: failure.status },
        attempt: after.failures,
        ...Option.isSome(after.nextAskAt) && { nextAt: Math.floor(after.nextAskAt.value) }
      })
      const what = failure.retryable ? "the token source fails" : "the token source refuses"
      const then = failure.retryable ? "trying again" : "trying again every 5 minutes"
      yield* logSourceFailure(`${what}: ${failure.message}; ${then}`, failure, before, after)
    }, annotated)
  })
  const { ask, state } = credential

  /** Waits for the first answer, 2 s at most: a source that hangs holds up no call and no start; and where the token has ended unnoticed, as over a computer's sleep, for another one. */
  const ready: Effect.Effect<unknown> = Effect.flatMap(now, (at) => {
    const { asking, asks, held, nextAskAt } = state()
    if (asks === 0 || (asks === 1 && asking)) return Effect.timeoutOption(ask, maxFirstWait)
    const ended = Option.isSome(held) && Option.isNone(CredentialState.inForce(state(), at))
    const overdue = !Refusals.coolsDown(refusals, state()) && Option.exists(nextAskAt, (due) => due <= at)
    return ended && (asking || overdue) ? ask : Effect.void
  })

  /** The relay took the token, or somebody did something about it. */
  const forgetRefusals = Effect.sync(() => {
    refusals = Refusals.none
  })

  /** Whether the source may be asked because the relay refused the token; else its fiber asks when it is time. */
  const mayAsk = (at: number) =>
    !Refusals.coolsDown(refusals, state()) && Option.match(state().lastError, {
      onNone: () => true,
      onSome: ({ retryable }) => retryable && CredentialState.mayAskAfter(state(), rotation.minPause, at)
    })

  const onChangeOfSource = Stream.runForEach(source.changes, () =>
    // An ask that is under way may have read what was there before.
    Effect.suspend(() => state().asking ? ask : Effect.void).pipe(
      Effect.andThen(forgetRefusals),
      Effect.andThen(ask)
    ))

  yield* supervise(`token ${relay}/${owner}`)(
    Effect.all([credential.rotate, onChangeOfSource], { concurrency: "unbounded", discard: true })
  )
  yield* Metrics.observed(
    Metrics.tokenTimeToExpiry,
    labels,
    (at) =>
      Option.match(Option.flatMap(state().held, ({ expiresAt }) => expiresAt), {
        onNone: () => Number.NaN,
        onSome: (expiresAt) => (expiresAt - at) / 1000
      })
  )

  const inForce = Effect.map(now, (at) => CredentialState.inForce(state(), at))
  const status = Effect.map(now, (at) => statusOf(source.name, principal, state(), refusals, proven, at))

  return {
    current: Effect.andThen(ready, inForce),
    principal: Effect.map(ready, () => principal),
    rejected: Effect.fnUntraced(function*(used, askedFor) {
      const present = yield* inForce
      if (Option.isSome(present) && !Refusals.same(present, used)) return present
      if (!state().asking && !mayAsk(yield* now)) return Option.none()
      refusals = Refusals.suspected(refusals, used, askedFor)
      yield* ask
      const next = yield* inForce
      return Refusals.same(next, used) ? Option.none() : next
    }),
    refused: Effect.fnUntraced(function*(used, askedFor) {
      if (!Refusals.same(used, yield* inForce)) return
      const before = refusals
      proven = Option.none()
      refusals = Refusals.refused(before, used, askedFor)
      const coolsDown = Refusals.coolsDown(refusals, state())
      if (coolsDown && !Refusals.coolsDown(before, state())) yield* credential.coolDown
      if (Option.isNone(used) || Refusals.isRefused(before, state()) || Refusals.exhausted(before)) return
      happenings.tell("token.rejected", subject, {
        ...told,
        code: "refused",
        hint: Refusals.format(refusals),
        status: 401,
        attempt: refusals.tokens.length
      })
      // Loudly at first, and when it is given up.
      const log = Option.isNone(before.final) || Refusals.exhausted(refusals) ? Effect.logError : Effect.logDebug
      const then = coolsDown ? "; asking the source again in 5 minutes" : ""
      yield* annotated(log(`${Refusals.format(refusals)} (401)${then}`))
    }),
    accepted: (used, askedFor) =>
      Effect.suspend(() => {
        if (Option.isSome(used) && used.value !== Option.getOrUndefined(proven) && Refusals.isProof(askedFor())) {
          proven = used
        }
        if (!Refusals.areOver(refusals, state(), used, askedFor)) return Effect.void
        const log = Refusals.isRefused(refusals, state()) && Option.isSome(state().held)
          ? Effect.annotateLogs(Effect.logInfo("the relay takes the token again"), labels)
          : Effect.void
        return Effect.andThen(forgetRefusals, log)
      }),
    refresh: forgetRefusals.pipe(Effect.andThen(ask), Effect.andThen(status)),
    status
  }
})

const statusOf = (
  source: string,
  principal: PrincipalId,
  state: CredentialState.CredentialState<Token, TokenSourceFailed>,
  refusals: Refusals.Refusals,
  proven: Option.Option<Token>,
  at: number
): TokenStatus => {
  const rejected = Refusals.isRejected(refusals, state)
  const ofSource = Option.map(state.lastError, ({ code, hint, status }) => ({
    code,
    hint,
    attempt: state.failures,
    ...(status === undefined ? {} : { status })
  }))
  const wanted = Refusals.isRefused(refusals, state)
    ? Option.some({ code: "wanted", hint: "the relay asks for a token", status: 401, attempt: 1 })
    : Option.none()
  return {
    source,
    state: rejected ? "rejected" : CredentialState.conditionOf(state, at),
    proven: Option.isSome(state.held) && Refusals.same(proven, state.held),
    principal,
    name: Option.getOrUndefined(state.held)?.name,
    expiresAt: Option.flatMap(state.held, ({ expiresAt }) => expiresAt),
    refreshes: state.refreshes,
    lastRefreshAt: state.lastRefreshAt,
    nextRefreshAt: state.nextAskAt,
    lastError: rejected
      ? Option.some({
        code: "refused",
        hint: Refusals.format(refusals),
        status: 401,
        attempt: refusals.tokens.length
      })
      : Option.orElse(ofSource, () => wanted)
  }
}

/** Where no source is configured: requests go without a token. */
export const noToken: RelayToken = (() => {
  const status = Effect.succeed({
    ...statusOf("none", principalOfNone, CredentialState.initial, Refusals.none, Option.none(), 0),
    nextRefreshAt: Option.none()
  })
  return {
    current: Effect.succeedNone,
    principal: Effect.succeed(principalOfNone),
    rejected: () => Effect.succeedNone,
    refused: () => Effect.void,
    accepted: () => Effect.void,
    refresh: status,
    status
  }
})()

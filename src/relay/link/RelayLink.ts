/**
 * What we know of a relay: Up, or Down since when, how often tried, when next, and why (BEHAVIOUR 4).
 *
 * Owns the probes and their backoff; nobody else repeats anything on a timer because the relay is away.
 */
import {
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Exit,
  Latch,
  Layer,
  Metric,
  Option,
  Result,
  type Stream,
  SubscriptionRef
} from "effect"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import { Happenings, relaySubject } from "../../observability/Happenings.ts"
import * as Metrics from "../../observability/Metrics.ts"
import { singleFlight } from "../../supervision/SingleFlight.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { LinkDown, RelayFailure } from "../RelayFailure.ts"
import { diagnose, type Diagnosis } from "./Diagnosis.ts"
import { backoffFor, isLasting, ProbeSchedule } from "./ProbeSchedule.ts"
import { RelayEra } from "./RelayEra.ts"
import { RelayProbe } from "./RelayProbe.ts"

/** Times are milliseconds since the epoch, whole. */
export type LinkState = Data.TaggedEnum<{
  Up: { readonly since: number }
  Down: { readonly since: number; readonly attempts: number; readonly nextProbeAt: number } & Diagnosis
}>
export const LinkState = Data.taggedEnum<LinkState>()

/** A relay that hangs must not keep agents from connecting. */
const timeoutAtStart = "1 second"

const unanswered: Diagnosis = { why: "it has not answered since Holdfast started" }

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export class RelayLink extends Context.Service<RelayLink, {
  readonly state: Effect.Effect<LinkState>
  /** The present state first, then each change. */
  readonly changes: Stream.Stream<LinkState>
  /**
   * At once while Up. While Down (or while a failure is being looked into) it waits: 5 s where the outage was less than
   * 5 s old on arrival, else 2 s, with a probe a second meanwhile; then fails with `LinkDown`.
   */
  readonly awaitUp: Effect.Effect<void, RelayFailure>
  /**
   * Tell of a Down-class failure. A connect failure takes the link Down at once; any other asks for two probes, and the
   * answer says whose failure it was. Concurrent reports share one pair of probes. `since` is when the outage may have
   * begun: the failure, or the last byte before a hang.
   */
  readonly report: (failure: RelayFailure, since: number) => Effect.Effect<"link down" | "the call's own">
  /** A real answer came: Up, and the backoff starts afresh. Costs nothing while Up. */
  readonly answered: Effect.Effect<void>
  /** Probe once beside a call that is silent, 5 s at most; shared by all who ask at the same time. */
  readonly probe: Effect.Effect<boolean>
}>()("holdfast/relay/RelayLink") {
  /** Probes once before it is there, 1 s at most, so that nobody starts with a wrong belief. */
  static readonly layer = Layer.effect(
    RelayLink,
    Effect.gen(function*() {
      const { once } = yield* RelayProbe
      const era = yield* RelayEra
      const { supervise } = yield* Supervisor
      const { link } = yield* Settings
      const { id, url } = yield* RelayTarget
      const attributes = { relay: id }
      const happenings = yield* Happenings
      const subject = relaySubject(id)
      const startedAt = yield* now
      const schedule = new ProbeSchedule(backoffFor(url, link), startedAt)
      const ref = yield* SubscriptionRef.make<LinkState>(LinkState.Up({ since: startedAt }))
      /** Open while the link is Up and no failure is being looked into. */
      const usable = yield* Latch.make(true)
      const down = yield* Latch.make(false)
      /** Probes that failed in a row, with no answer in between. */
      let failedInARow = 0
      /** What to try, as the log has it for this outage. */
      let hinted: string | undefined
      let suspicion: { since: number } & Diagnosis | undefined

      const isUp = () => SubscriptionRef.getUnsafe(ref)._tag === "Up"
      const updateUsable = Effect.suspend(() => suspicion === undefined && isUp() ? usable.open : usable.close)

      const becomeUp = Effect.gen(function*() {
        const before = SubscriptionRef.getUnsafe(ref)
        if (before._tag === "Up") return
        const since = yield* now
        yield* SubscriptionRef.set(ref, LinkState.Up({ since }))
        const { attempts, since: downSince } = before
        happenings.tell("link.up", subject, { ...attributes, since, attempts, downSince, count: 1 })
        yield* down.close
        yield* updateUsable
        yield* Metric.update(Metric.withAttributes(Metrics.linkUp, attributes), 1)
        yield* Effect.logInfo("the relay can be reached again", attributes)
      })

      const becomeDown = Effect.fnUntraced(
        function*(since: number, failure: RelayFailure | undefined, attempts: number) {
          const found = failure === undefined ? unanswered : diagnose(failure, url)
          const before = SubscriptionRef.getUnsafe(ref)
          if (before._tag === "Down") return
          const at = yield* now
          if (at - before.since >= Duration.toMillis(link.healthyAfter)) schedule.reset()
          schedule.nextProbeAt = at
          if (failure !== undefined && (attempts > 0 || isLasting(failure))) yield* schedule.failed(at, failure)
          const { nextProbeAt } = schedule
          const state = LinkState.Down({ since: Math.min(since, at), attempts, nextProbeAt, ...found })
          yield* SubscriptionRef.set(ref, state)
          happenings.tell("link.down", subject, { ...attributes, since: state.since, attempts, ...found, count: 1 })
          yield* era.forget
          yield* updateUsable
          yield* down.open
          yield* Metric.update(Metric.withAttributes(Metrics.linkUp, attributes), 0)
          yield* Metric.update(Metric.withAttributes(Metrics.linkOutages, attributes), 1)
          hinted = found.hint
          yield* Effect.logWarning("the relay cannot be reached", { ...attributes, why: found.why, try: found.hint })
        }
      )

      /** The first failure may say less than a later one: what to try is logged once an outage. */
      const tellHint = Effect.fnUntraced(function*({ hint, why }: Diagnosis) {
        if (hinted !== undefined || hint === undefined) return
        hinted = hint
        yield* Effect.logWarning("the relay still cannot be reached", { ...attributes, why, try: hint })
      })

      const probe = yield* singleFlight(
        Effect.onExit(once, (exit) => {
          if (Exit.isFailure(exit)) failedInARow++
          else failedInARow = 0
          return Exit.isFailure(exit) ? Effect.void : becomeUp
        })
      )

      /** Two probes, unless the first one tells enough. */
      const lookInto = yield* singleFlight(
        Effect.gen(function*() {
          failedInARow = 0
          for (let probes = 1; probes <= 2; probes++) {
            const result = yield* Effect.result(probe)
            if (Result.isSuccess(result)) return
            const { failure } = result
            if (failure.reason._tag === "ConnectFailed" || failedInARow >= 2) {
              return yield* becomeDown(suspicion?.since ?? (yield* now), failure, 0)
            }
          }
        }).pipe(Effect.ensuring(Effect.suspend(() => {
          suspicion = undefined
          return updateUsable
        })))
      )

      const verdict = Effect.sync(() => isUp() ? "the call's own" as const : "link down" as const)

      const report = Effect.fnUntraced(function*(failure: RelayFailure, since: number) {
        if (isUp() && failure.reason._tag !== "LinkDown") {
          const probed = failure.reason._tag === "Silent" && failedInARow >= 2
          if (failure.reason._tag === "ConnectFailed" || probed) {
            yield* becomeDown(Math.floor(since), failure, 0)
          } else {
            suspicion ??= { since: Math.floor(since), ...diagnose(failure, url) }
            suspicion.since = Math.min(suspicion.since, Math.floor(since))
            yield* updateUsable
            yield* lookInto
          }
        }
        return yield* verdict
      })

      const probeWhileDown = Effect.gen(function*() {
        while (true) {
          yield* down.await
          yield* schedule.untilDue(() => !isUp())
          if (isUp()) continue
          const result = yield* Effect.result(probe)
          if (Result.isSuccess(result)) continue
          yield* schedule.failed(yield* now, result.failure)
          const state = SubscriptionRef.getUnsafe(ref)
          if (state._tag === "Up") continue
          const attempts = state.attempts + 1
          const { nextProbeAt } = schedule
          const found = diagnose(result.failure, url)
          yield* tellHint(found)
          yield* SubscriptionRef.set(ref, LinkState.Down({ since: state.since, attempts, nextProbeAt, ...found }))
        }
      })

      const linkDown = Effect.sync(() => {
        const state = SubscriptionRef.getUnsafe(ref)
        const reason = state._tag === "Down"
          ? { why: state.why, sinceMillis: state.since, nextProbeAtMillis: state.nextProbeAt }
          : {
            why: suspicion?.why ?? "unknown",
            sinceMillis: suspicion?.since ?? state.since,
            nextProbeAtMillis: schedule.nextProbeAt
          }
        return new RelayFailure({ reason: new LinkDown(reason) })
      })

      const waitUntilUp = Effect.gen(function*() {
        const state = SubscriptionRef.getUnsafe(ref)
        const since = state._tag === "Down" ? state.since : suspicion?.since ?? state.since
        const young = (yield* now) - since < Duration.toMillis(link.outageGrace)
        const duration = young ? link.outageGrace : link.outageGraceLater
        const orElse = () => Effect.flatMap(linkDown, Effect.fail)
        yield* schedule.waiting(Effect.timeoutOrElse(usable.await, { duration, orElse }))
      })

      yield* Metric.update(Metric.withAttributes(Metrics.linkUp, attributes), 1)
      yield* Metrics.declare(Metrics.linkOutages, attributes)
      const first = yield* Effect.timeoutOption(Effect.result(probe), timeoutAtStart)
      if (Option.isNone(first)) yield* becomeDown(startedAt, undefined, 0)
      else if (Result.isFailure(first.value)) yield* becomeDown(startedAt, first.value.failure, 1)
      else happenings.tell("link.up", subject, { ...attributes, since: startedAt, attempts: 0, count: 1 })
      yield* supervise(`relay-link:${id}`)(probeWhileDown)

      return RelayLink.of({
        state: SubscriptionRef.get(ref),
        changes: SubscriptionRef.changes(ref),
        awaitUp: Effect.suspend(() => usable.isOpen() ? Effect.void : waitUntilUp),
        report,
        answered: Effect.suspend(() => {
          schedule.reset()
          failedInARow = 0
          return isUp() ? Effect.void : becomeUp
        }),
        probe: Effect.map(Effect.result(probe), Result.isSuccess)
      })
    })
  )
}

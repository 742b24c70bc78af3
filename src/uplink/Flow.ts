/**
 * One flow of an uplink, records out or messages in: tries again as the plane's refusals ask for, says how it is, and logs
 * when that changes (BEHAVIOUR 14).
 */
import { Clock, Effect, Metric } from "effect"
import * as Metrics from "../observability/Metrics.ts"
import * as Backoff from "../supervision/Backoff.ts"
import { type PlaneFailure, type PlaneToken, remedyOf } from "./Plane.ts"
import type { PlaneAccess } from "./PlaneAccess.ts"
import type { Flow as FlowView, FlowState } from "./UplinkStatus.ts"

const retries = Backoff.exponential({ base: "1 second", max: "30 seconds" })
/** Where somebody has to do something first. */
const holdFor = "5 minutes"

/** Whose records or messages, and the words for it in the log. */
export interface FlowNames {
  readonly uplink: string
  readonly flow: string
}

export interface Flow {
  readonly view: () => FlowView
  readonly isReady: () => boolean
  /** The plane takes what comes, or says what comes. */
  readonly ready: Effect.Effect<void>
  /** The same, and the next failure is the first one. */
  readonly succeeded: Effect.Effect<void>
  readonly waiting: (why: string) => Effect.Effect<void>
  /** Returns when it is time to try again. */
  readonly refused: (failure: PlaneFailure, used: PlaneToken) => Effect.Effect<void>
}

export const make = Effect.fnUntraced(function*(names: FlowNames, { changed, renewed }: PlaneAccess) {
  const clock = yield* Clock.Clock
  const backoff = Backoff.make(retries)
  const gauge = Metric.withAttributes(Metrics.uplinkReady, { uplink: names.uplink, flow: names.flow })
  let view: FlowView = { state: "connecting", since: clock.currentTimeMillisUnsafe(), why: undefined }
  /** The plane refused a token that was new. */
  let isRefusedAnew = false

  const become = (state: FlowState, why: string | undefined) =>
    Effect.suspend(() => {
      const before = view
      if (before.state === state && before.why === why) return Effect.void
      view = { state, why, since: before.state === state ? before.since : clock.currentTimeMillisUnsafe() }
      if (before.state === state) return Effect.void
      const counted = Metric.update(gauge, state === "ready" ? 1 : 0)
      return Effect.andThen(counted, Effect.annotateLogs(logged(before.state, state, why), { ...names }))
    })

  yield* Metric.update(gauge, 0)

  const hold = (state: "held" | "off", why: string) =>
    Effect.andThen(become(state, why), Effect.timeoutOption(changed, holdFor))

  const flow: Flow = {
    view: () => view,
    isReady: () => view.state === "ready",
    ready: become("ready", undefined),
    succeeded: Effect.suspend(() => {
      backoff.reset()
      isRefusedAnew = false
      return become("ready", undefined)
    }),
    waiting: (why) => become("waiting", why),
    refused: Effect.fnUntraced(function*(failure, used) {
      switch (remedyOf(failure)) {
        case "token":
          if (!isRefusedAnew && (yield* renewed(used))) {
            isRefusedAnew = true
            return
          }
          isRefusedAnew = false
          return yield* hold("held", failure.message)
        case "hold":
        case "skip":
          return yield* hold("held", failure.message)
        case "off":
          return yield* hold("off", failure.message)
        case "wait":
          yield* become("waiting", failure.message)
          return yield* Effect.sleep(yield* backoff.next)
      }
    }, Effect.asVoid)
  }
  return flow
})

const logged = (before: FlowState, state: FlowState, why: string | undefined): Effect.Effect<void> => {
  switch (state) {
    case "ready":
      return before === "connecting"
        ? Effect.logInfo("the uplink is ready")
        : Effect.logInfo("the uplink is ready again")
    case "waiting":
      return Effect.logWarning(`the uplink waits, trying again: ${why}`)
    case "held":
      return Effect.logError(`the uplink is held, trying again every 5 minutes: ${why}`)
    case "off":
      return Effect.logWarning(`the control plane does not know this call, trying again every 5 minutes: ${why}`)
    case "connecting":
      return Effect.void
  }
}

/**
 * Calls whose answer nobody waits for any more, since the process that did has ended or its attempt failed. A call that
 * its relay knows again by its key is sent again; of another the relay's stream is read on where that can be. What comes is
 * kept. Where neither is possible, the agent is told that its call may have been carried out.
 */
import { Clock, Duration, Effect, FiberSet, Layer, Option, Result, Semaphore } from "effect"
import { Settings } from "../config/Settings.ts"
import { codes, text as errorText } from "../domain/JsonRpcError.ts"
import * as JsonText from "../domain/JsonText.ts"
import * as Message from "../domain/Message.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { unknownOutcome } from "../relay/link/FailureText.ts"
import { RelayLink } from "../relay/link/RelayLink.ts"
import { RelayClient } from "../relay/RelayClient.ts"
import { ConnectFailed, RelayFailure } from "../relay/RelayFailure.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import type { Resend, RunningCall } from "./KeptResult.ts"
import { Results } from "./Results.ts"

/** Streams of the relay that are read on at once. */
const maxAtOnce = 64
/** Failures in a row of a relay that can be reached, between which a second passes. */
const maxFailures = 5
const pause = "1 second"

export const layer = Layer.effectDiscard(Effect.gen(function*() {
  const { results: { keep } } = yield* Settings
  const results = yield* Results
  const outbox = yield* Outbox
  const client = yield* RelayClient
  const link = yield* RelayLink
  const { supervise } = yield* Supervisor
  const atOnce = yield* Semaphore.make(maxAtOnce)
  const fork = yield* FiberSet.runtime(yield* FiberSet.make())()

  const answerTo = Effect.fnUntraced(function*(call: RunningCall) {
    if (Option.isNone(call.resume)) return undefined
    const until = call.calledAt + Duration.toMillis(keep)
    let failures = 0
    while (failures < maxFailures && (yield* Clock.currentTimeMillis) < until) {
      // Fails where the link stays Down: then for as long as it takes.
      if (Result.isFailure(yield* Effect.result(link.awaitUp))) continue
      const result = yield* Effect.result(client.resume(call.agent, call.resume.value))
      if (Result.isSuccess(result)) return result.success
      if (!result.failure.downClass) return undefined
      failures = result.failure.reason._tag === "ConnectFailed" ? failures : failures + 1
      yield* Effect.sleep(pause)
    }
    return undefined
  })

  /** Under its key the relay knows it again. The outbox sends it, or has done so, and what comes of that is kept. */
  const again = Effect.fnUntraced(function*(call: RunningCall, resend: Resend) {
    const { agent, id, tool } = call
    const parsed = Message.parse(resend.request)
    if (Result.isFailure(parsed) || parsed.success._tag !== "Request") return false
    const { epoch, ...known } = resend
    const request = parsed.success
    const bufferable = { ...known, agent, tool, request, epoch: Option.fromNullishOr(epoch), asked: `"left-${id}"` }
    const submitted = yield* Effect.result(outbox.submit(bufferable, () => Effect.fail(notSent)))
    if (Result.isFailure(submitted)) return false
    const submission = submitted.success
    if (submission._tag === "Answered") yield* results.ended(id, JsonText.set(submission.text, ["id"], "null"))
    else if (submission._tag === "Failed") return false
    else {
      const key = JsonText.at(submission.result, ["structuredContent", "idempotencyKey"]) ?? "\"\""
      yield* results.keep({ ...call, name: undefined, resend: undefined }, id, {
        _tag: "Queued",
        key: String(JSON.parse(key))
      })
    }
    return true
  })

  const follow = Effect.fnUntraced(function*(call: RunningCall) {
    if (Option.isSome(call.resend) && (yield* again(call, call.resend.value))) return
    const answer = yield* answerTo(call)
    yield* results.ended(call.id, answer ?? unknown(call.onlyReads))
  })

  yield* results.nextLeft.pipe(
    Effect.tap((call) => Effect.sync(() => fork(atOnce.withPermits(1)(follow(call))))),
    Effect.forever,
    supervise("left-calls")
  )
}))

/** Makes the outbox take it: whoever sends it live is gone. */
const notSent = new RelayFailure({ reason: new ConnectFailed({ detail: "it is sent out of the outbox" }) })

const unknown = (onlyReads: boolean): string =>
  errorText(null, {
    code: codes.relay,
    message: `Holdfast lost this call while it was under way. ${unknownOutcome(onlyReads)}`,
    data: { delivery: "unknown" }
  })

/**
 * One attempt at an entry from the queue, and the verdict on it: what is stored goes out, byte for byte, under its key.
 *
 * The relay sessions are the outbox's own: one for each agent and era, without client capabilities, kept while it is of
 * use. A relay that serves both eras gets each call as its live attempt would have been.
 */
import { Clock, Duration, Effect, RcMap } from "effect"
import { callTimeouts } from "../../config/CallTimeouts.ts"
import { Settings } from "../../config/Settings.ts"
import * as Envelope from "../../domain/Envelope.ts"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { initializeAs, ownClientInfo } from "../../domain/OwnInitialize.ts"
import type { Era } from "../../domain/ProtocolVersion.ts"
import * as Traces from "../../observability/Traces.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import { RelaySessions, type SessionSeed } from "../../relay/session/RelaySession.ts"
import { idOf } from "../Call.ts"
import type { Entry } from "../Entry.ts"
import { ofAnswer, ofFailure, type Verdict } from "./Verdict.ts"

const seed: SessionSeed = {
  initialize: initializeAs({ ...ownClientInfo, title: "Holdfast outbox" }),
  replay: []
}

export const make = Effect.gen(function*() {
  const { queued } = callTimeouts(yield* Settings)
  const client = yield* RelayClient
  const link = yield* RelayLink
  const sessions = yield* RelaySessions
  const inEra = (era: Era) =>
    RcMap.make({
      lookup: (agent: AgentName) => sessions.make({ agent, era, seed: Effect.succeed(seed) }),
      idleTimeToLive: "5 minutes"
    })
  const ofEra = { legacy: yield* inEra("legacy"), modern: yield* inEra("modern") }

  /** Whether a failure counts depends on whose it was, so the link's verdict is waited for; it joins a running one. */
  const verdictOn = Effect.fnUntraced(function*(failure: RelayFailure, onUnknown: Entry["onUnknown"]) {
    if (failure.downClass) yield* link.report(failure, yield* Clock.currentTimeMillis)
    return ofFailure(failure, onUnknown, (yield* link.state)._tag === "Up")
  })

  const exported = yield* Traces.exported
  /** Costs nothing where no traces go out. */
  const traced = (attempt: Effect.Effect<Verdict>) => exported ? Effect.withSpan(attempt, "Outbox.attempt") : attempt

  return Effect.fnUntraced(
    function*(entry: Entry): Effect.fn.Return<Verdict, RelayFailure> {
      const id = idOf(entry.request)
      return yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* RcMap.get(ofEra[Envelope.isIn(entry.request) ? "modern" : "legacy"], entry.agent)
        const { body, headers, status } = yield* client.request(session, {
          text: entry.request,
          id,
          headers: { "idempotency-key": entry.key },
          principal: entry.principal,
          timeout: Duration.toMillis(queued)
        })
        if (body._tag === "Whole") {
          const millis = ForeignTime.retryAfterMillis(headers["retry-after"], yield* Clock.currentTimeMillis)
          return ofAnswer({ status, text: body.text }, id, entry.onUnknown, millis)
        }
        return yield* new RelayFailure({ reason: new AnswerCutOff({ detail: "it is larger than 16 MiB" }) })
      }))
    },
    (effect, entry) => traced(Effect.catch(effect, (failure) => verdictOn(failure, entry.onUnknown)))
  )
})

/**
 * One request of the modern era, which intervention it meets, if any (BEHAVIOUR 2; MCP 2026-07-28).
 *
 * The agent that closes the response cancels the request: what runs at the relay is closed too, and a bufferable call is
 * dropped unless it was accepted before. Every answer is settled: a defect of ours is a JSON-RPC error.
 */
import { Context, Effect, FiberMap, FiberSet, Layer } from "effect"
import { Settings } from "../config/Settings.ts"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import type { Request } from "../domain/Message.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { boundOf, Forwarding, onlyReads, refuse } from "./Forwarding.ts"
import { Discover } from "./interventions/Discover.ts"
import { isListRequest, Lists } from "./interventions/Lists.ts"
import { type CallPassage, ToolCalls } from "./interventions/ToolCalls.ts"
import { ListChanges } from "./menus/ListChanges.ts"
import { type Noted, Outcomes } from "./Outcome.ts"
import type { AgentSession } from "./sessions/AgentSession.ts"
import { settled } from "./settled.ts"
import { Subscriptions } from "./streams/Subscriptions.ts"

/** One for each relay. */
export class ModernRequests extends Context.Service<ModernRequests, {
  /** Starts the request; its answer arrives in `passage.answer`. */
  readonly start: (
    session: AgentSession,
    request: Request,
    passage: Pick<CallPassage, "headers" | "answer">
  ) => Effect.Effect<void>
}>()("holdfast/mcp/ModernRequests") {
  static readonly layer = Layer.effect(
    ModernRequests,
    Effect.gen(function*() {
      const settings = yield* Settings
      const discover = yield* Discover
      const lists = yield* Lists
      const calls = yield* ToolCalls
      const subscriptions = yield* Subscriptions
      const forwarding = yield* Forwarding
      const changes = yield* ListChanges
      const outbox = yield* Outbox
      const outcomes = yield* Outcomes
      let started = 0

      const answer = Effect.fnUntraced(function*(session: AgentSession, request: Request, passage: CallPassage) {
        if (request.method === "tools/call") return yield* calls.answer(session, request, passage)
        if (isListRequest(request)) return yield* lists.answer(session, request, passage)
        if (request.method === "server/discover") return yield* discover.answer(session, request, passage)
        if (request.method === "subscriptions/listen") return yield* subscriptions.answer(session, request, passage)
        if (gone.has(request.method)) {
          return yield* refuse(passage, request, {
            code: JsonRpcError.codes.methodNotFound,
            message: `revision 2026-07-28 has no ${request.method}`
          }, 404)
        }
        return yield* forwarding.forward(session, request, {
          ...passage,
          within: boundOf(settings, request.method),
          reads: onlyReads(request.method)
        })
      })

      return ModernRequests.of({
        start: Effect.fnUntraced(function*(session, request, given) {
          // Agents of one name count their requests each for themselves.
          const asked = `"modern-${++started}"`
          const noted: Noted = { outcome: "answered" }
          const passage: CallPassage = { ...given, noted, batched: false, modern: request.method, asked }
          const settling = settled(request, passage, answer(session, request, passage))
          const cancelled = Effect.andThen(passage.answer.disconnected, outbox.cancel(session.id, asked))
          const run = outcomes.reported(session, request, noted, Effect.raceFirst(settling, Effect.asVoid(cancelled)))
          yield* changes.requested(session)
          // A stream that is to stay is nothing that a stop would wait for.
          yield* request.method === "subscriptions/listen"
            ? FiberSet.run(session.work, run)
            : FiberMap.run(session.requests, asked, run)
        })
      })
    })
  )
}

/** Methods of the legacy era alone. */
const gone = new Set(["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"])

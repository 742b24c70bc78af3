/**
 * One request of a session, run in the session's scope: which intervention it meets, if any (BEHAVIOUR 2).
 *
 * Every answer is settled: a defect of ours is a JSON-RPC error, a cancelled request ends its stream without an answer.
 */
import { Context, Effect, FiberMap, Layer } from "effect"
import { Settings } from "../config/Settings.ts"
import * as JsonText from "../domain/JsonText.ts"
import type { Request } from "../domain/Message.ts"
import { RelayLink } from "../relay/link/RelayLink.ts"
import { boundOf, Forwarding, onlyReads, say } from "./Forwarding.ts"
import { isListRequest, Lists } from "./interventions/Lists.ts"
import { type CallPassage, ToolCalls } from "./interventions/ToolCalls.ts"
import { listChanged, ListChanges } from "./menus/ListChanges.ts"
import { type Noted, Outcomes } from "./Outcome.ts"
import type { AgentSession } from "./sessions/AgentSession.ts"
import { SessionStore } from "./sessions/SessionStore.ts"
import { settled } from "./settled.ts"
import { ServerStream } from "./streams/ServerStream.ts"

/** One for each relay. */
export class AgentRequests extends Context.Service<AgentRequests, {
  /** Starts the request; its answer arrives in `passage.answer`, also where the agent has gone away. */
  readonly start: (session: AgentSession, request: Request, passage: Omit<CallPassage, "noted">) => Effect.Effect<void>
}>()("holdfast/mcp/AgentRequests") {
  static readonly layer = Layer.effect(
    AgentRequests,
    Effect.gen(function*() {
      const settings = yield* Settings
      const link = yield* RelayLink
      const lists = yield* Lists
      const calls = yield* ToolCalls
      const forwarding = yield* Forwarding
      const changes = yield* ListChanges
      const store = yield* SessionStore
      const streams = yield* ServerStream
      const outcomes = yield* Outcomes
      let twice = 0

      const forward = (session: AgentSession, request: Request, passage: CallPassage, onResult?: () => void) =>
        forwarding.forward(session, request, {
          ...passage,
          within: boundOf(settings, request.method),
          reads: onlyReads(request.method),
          onWhole: onResult === undefined ? undefined : Effect.fnUntraced(function*(text) {
            if (JsonText.at(text, ["result"]) === undefined) return
            onResult()
            yield* store.save(session.saved)
            yield* streams.resubscribe(session, [])
          })
        })

      const answer = Effect.fnUntraced(function*(session: AgentSession, request: Request, passage: CallPassage) {
        if (request.method === "tools/call") return yield* calls.answer(session, request, passage)
        if (isListRequest(request)) return yield* lists.answer(session, request, passage)
        const uri = JsonText.at(request.text, ["params", "uri"])
        switch (request.method) {
          case "ping":
            return (yield* link.state)._tag === "Down"
              ? yield* say(passage, `{"jsonrpc":"2.0","id":${request.id},"result":{}}`, "answered")
              : yield* forward(session, request, passage)
          case "logging/setLevel":
            return yield* forward(session, request, passage, () => {
              session.logLevel = replayed(request)
            })
          case "resources/subscribe":
            return yield* forward(session, request, passage, () => {
              session.subscriptions = [...subscriptionsBut(session, uri), replayed(request)]
            })
          case "resources/unsubscribe":
            return yield* forward(session, request, passage, () => {
              session.subscriptions = subscriptionsBut(session, uri)
            })
          default:
            return yield* forward(session, request, passage)
        }
      })

      return AgentRequests.of({
        start: Effect.fnUntraced(function*(session, request, given) {
          if (request.method !== "tools/list") {
            // In a batch's array there is no place for it; it waits for the next request that stands alone.
            if (!given.batched && (yield* changes.due(session))) yield* given.answer.message(listChanged)
            yield* changes.requested(session)
          }
          // A client that uses an id twice at once gets two answers, and neither request ends the other; a relay need not
          // be able to tell them apart.
          const as = FiberMap.hasUnsafe(session.requests, request.id) ? `"holdfast-twice-${++twice}"` : undefined
          const noted: Noted = { outcome: "answered" }
          const passage: CallPassage = { ...given, as, noted }
          yield* FiberMap.run(
            session.requests,
            as ?? request.id,
            outcomes.reported(session, request, noted, settled(request, passage, answer(session, request, passage)))
          )
        })
      })
    })
  )
}

/** What is said again to a new relay session has an id of its own there. */
const replayed = (request: Request): string => JsonText.set(request.text, ["id"], `"holdfast-replay-${request.method}"`)

const subscriptionsBut = (session: AgentSession, uri: string | undefined): ReadonlyArray<string> =>
  session.subscriptions.filter((text) => JsonText.at(text, ["params", "uri"]) !== uri)

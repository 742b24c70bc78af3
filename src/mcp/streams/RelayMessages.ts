/** What the relay says of its own accord, on a stream of a call or on its own: looked at before it is passed on. */
import { Context, Effect, FiberSet, Layer, Result } from "effect"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import type { OpenRelaySession } from "../../relay/session/RelaySession.ts"
import { MenuSignals } from "../menus/MenuSignals.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"

/** A message to pass on; a later one with the same `supersedes` makes this one superfluous. */
export interface Passed {
  readonly data: string
  readonly supersedes: string | undefined
}

/** One for each relay. */
export class RelayMessages extends Context.Service<RelayMessages, {
  /** `undefined` where the agent is told in another way, or not at all. */
  readonly received: (
    session: AgentSession,
    data: string,
    from: OpenRelaySession
  ) => Effect.Effect<Passed | undefined>
}>()("holdfast/mcp/RelayMessages") {
  static readonly layer = Layer.effect(
    RelayMessages,
    Effect.gen(function*() {
      const signals = yield* MenuSignals
      const client = yield* RelayClient
      const warned = new WeakSet<AgentSession>()

      /** Said loudly once for each session: a relay that goes on so must not fill the log. */
      const dropped = (session: AgentSession, what: string) => {
        const log = warned.has(session) ? Effect.logDebug : Effect.logWarning
        warned.add(session)
        return Effect.as(log(`the relay sent ${what}; it was dropped`, { session: session.id }), undefined)
      }

      /** A revision without requests to the client: the relay is told at once, so that its call does not wait for ever. */
      const unanswerable = Effect.fnUntraced(function*(session: AgentSession, { id, method }: Message.Request) {
        const text = JsonRpcError.text(id, {
          code: JsonRpcError.codes.methodNotFound,
          message: `${method} cannot be asked of this client: it speaks revision 2026-07-28`
        })
        yield* FiberSet.run(session.work, Effect.ignore(client.notify(session.relay, text)))
        return undefined
      })

      return RelayMessages.of({
        received: Effect.fnUntraced(function*(session, data, from) {
          if (data === "") return undefined
          const parsed = Message.parse(data)
          if (Result.isFailure(parsed)) return yield* dropped(session, "an event that is no JSON-RPC message")
          const message = parsed.success
          // Each request of the agent is answered once, by whoever waits for it.
          if (message._tag === "Response") return yield* dropped(session, "an answer that nobody waits for")
          if (message._tag === "Notification" && message.method === "notifications/tools/list_changed") {
            yield* signals.offer({ _tag: "RelayList", session })
            return undefined
          }
          if (message._tag === "Request" && session.modern) return yield* unanswerable(session, message)
          if (message._tag === "Request") {
            const shown = session.questions.asked(message.id, from.generation)
            return { data: shown === message.id ? data : JsonText.set(data, ["id"], shown), supersedes: undefined }
          }
          if (message._tag === "Notification" && message.method === "notifications/cancelled") {
            const id = JsonText.at(data, ["params", "requestId"])
            const shown = id === undefined ? undefined : session.questions.shownAs(id, from.generation)
            if (shown === undefined || shown === id) return { data, supersedes: undefined }
            return { data: JsonText.set(data, ["params", "requestId"], shown), supersedes: undefined }
          }
          return { data, supersedes: supersedes(message) }
        })
      })
    })
  )
}

const supersedes = (message: Message.Message | Message.Batch): string | undefined => {
  if (message._tag !== "Notification") return undefined
  if (message.method.endsWith("/list_changed")) return message.method
  return message.method === "notifications/progress" ? `progress:${String(message.params["progressToken"])}` : undefined
}

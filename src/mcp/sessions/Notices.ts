/** What the agent sends without expecting an answer: notifications, and its answers to the relay's requests. */
import { Context, Effect, FiberMap, FiberSet, Layer, Option } from "effect"
import * as JsonText from "../../domain/JsonText.ts"
import type { Notification, Response } from "../../domain/Message.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import type { AgentSession } from "./AgentSession.ts"
import { SessionStore } from "./SessionStore.ts"

/** One for each relay. The agent gets 202 in any case (BEHAVIOUR 2). */
export class Notices extends Context.Service<Notices, {
  readonly notification: (session: AgentSession, notification: Notification) => Effect.Effect<void>
  readonly response: (session: AgentSession, response: Response) => Effect.Effect<void>
}>()("holdfast/mcp/Notices") {
  static readonly layer = Layer.effect(
    Notices,
    Effect.gen(function*() {
      const client = yield* RelayClient
      const outbox = yield* Outbox
      const store = yield* SessionStore

      const pass = (session: AgentSession, text: string) =>
        client.notify(session.relay, text).pipe(
          Effect.catch((failure) =>
            Effect.logDebug("a notification did not reach the relay", { why: failure.message })
          ),
          FiberSet.run(session.work),
          Effect.asVoid
        )

      const cancelled = Effect.fnUntraced(function*(session: AgentSession, notification: Notification) {
        const id = JsonText.at(notification.text, ["params", "requestId"])
        if (id === undefined) return
        const wire = yield* outbox.cancel(session.id, id)
        yield* FiberMap.remove(session.requests, id)
        yield* pass(
          session,
          Option.match(wire, {
            onNone: () => notification.text,
            onSome: (wireId) => JsonText.set(notification.text, ["params", "requestId"], wireId)
          })
        )
      })

      return Notices.of({
        notification: Effect.fnUntraced(function*(session, notification) {
          switch (notification.method) {
            // Each relay session is told by whoever opens it.
            case "notifications/initialized":
              return
            case "notifications/cancelled":
              return yield* cancelled(session, notification)
            case "notifications/roots/list_changed":
              session.roots = notification.text
              yield* store.save(session.saved)
          }
          yield* pass(session, notification.text)
        }),
        response: Effect.fnUntraced(function*(session, response) {
          const open = yield* session.relay.current
          if (Option.isNone(open)) return
          const id = session.questions.answered(response.id, open.value.generation)
          if (id === undefined) return
          yield* pass(session, id === response.id ? response.text : JsonText.set(response.text, ["id"], id))
        })
      })
    })
  )
}

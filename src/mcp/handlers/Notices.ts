/** What the agent sends without expecting an answer: notifications, and its answers to the relay's requests. */
import { Effect, Option } from "effect"
import * as JsonText from "../../domain/JsonText.ts"
import type { Notification, Response } from "../../domain/Message.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import type { InputRounds } from "./InputRounds.ts"
import { LiveCalls } from "./LiveCalls.ts"

/** What more may stand in the notification means nothing later. */
const maxRemembered = 1024
const rootsChanged = `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`

/** The agent gets 202 in any case (BEHAVIOUR 2). */
export const make = Effect.fnUntraced(function*(rounds: InputRounds) {
  const client = yield* RelayClient
  const outbox = yield* Outbox
  const calls = yield* LiveCalls
  const store = yield* SessionStore

  const pass = (session: AgentSession, text: string): void => {
    session.inBackground(Effect.catch(
      client.notify(session.relay, text),
      (failure) => Effect.logDebug("a notification did not reach the relay", { why: failure.message })
    ))
  }

  const cancelled = Effect.fnUntraced(function*(session: AgentSession, { text }: Notification) {
    const id = JsonText.at(text, ["params", "requestId"])
    if (id === undefined) return
    // The relay may carry it out all the same, and then its answer is kept.
    const call = calls.find(session.id, id)
    if (call !== undefined) return call.cancelled() ? pass(session, text) : undefined
    const relayId = yield* outbox.cancel(session.id, id)
    yield* session.cancel(id)
    pass(session, Option.isSome(relayId) ? JsonText.set(text, ["params", "requestId"], relayId.value) : text)
  })

  return {
    notification: Effect.fnUntraced(function*(session: AgentSession, notification: Notification) {
      switch (notification.method) {
        // Each relay session is told by whoever opens it.
        case "notifications/initialized":
          return
        case "notifications/cancelled":
          return yield* cancelled(session, notification)
        case "notifications/roots/list_changed":
          session.setRoots(notification.text.length > maxRemembered ? rootsChanged : notification.text)
          yield* store.save(session.saved)
      }
      pass(session, notification.text)
    }),
    response: Effect.fnUntraced(function*(session: AgentSession, { id: shown, text }: Response) {
      if (yield* rounds.answered(session, shown, text)) return
      const open = yield* session.relay.current
      if (Option.isNone(open)) return
      const id = session.questions.answered(shown, open.value.generation)
      if (id !== undefined) pass(session, id === shown ? text : JsonText.set(text, ["id"], id))
    })
  }
})

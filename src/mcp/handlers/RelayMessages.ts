/** What the relay says of its own accord, on a stream of a call or on its own: looked at before it is passed on. */
import { Effect, FiberSet, Result } from "effect"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import * as Questions from "../../domain/Questions.ts"
import { RelayClient, type RelayEvent } from "../../relay/RelayClient.ts"
import type { OpenRelaySession } from "../../relay/session/RelaySession.ts"
import { MenuSignals } from "../menu/MenuSignals.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { maxQuestionId } from "../sessions/RelayQuestions.ts"
import { type AskedBy, progressPrefix } from "./Handler.ts"

/** A message to pass on; a later one with the same `supersedes` makes this one superfluous. */
export interface Passed {
  readonly data: string
  readonly supersedes: string | undefined
}

export interface RelayMessages {
  /** `undefined` where the agent is told in another way, or not at all. */
  readonly received: (
    session: AgentSession,
    event: RelayEvent,
    from: OpenRelaySession,
    /** Takes questions to an agent of the modern era. */
    askedBy?: AskedBy
  ) => Passed | undefined
}

export const make = Effect.gen(function*() {
  const signals = yield* MenuSignals
  const client = yield* RelayClient
  const inBackground = yield* FiberSet.runtime(yield* FiberSet.make())()
  const warned = new WeakSet<AgentSession>()

  /** Said loudly once for each session: a relay that goes on so must not fill the log. */
  const dropped = (session: AgentSession, what: string): undefined => {
    const log = warned.has(session) ? Effect.logDebug : Effect.logWarning
    warned.add(session)
    inBackground(log(`the relay sent ${what}; it was dropped`, { session: session.id }))
    return undefined
  }

  /** What an agent without a session cannot be asked: the relay is told at once, so that its call does not wait for ever. */
  const unanswerable = (session: AgentSession, request: Message.Request): undefined => {
    session.inBackground(Effect.ignore(client.notify(session.relay, Questions.unanswerable(request))))
    return undefined
  }

  /** The agent sees an id of ours where the relay uses one that the agent has yet to answer for another session. */
  const question = (session: AgentSession, { id, text }: Message.Request, from: OpenRelaySession): Passed => {
    const shown = session.questions.asked(id, from.generation)
    return { data: shown === id ? text : JsonText.set(text, ["id"], shown), supersedes: undefined }
  }

  const notification = (session: AgentSession, message: Message.Notification, from: OpenRelaySession) => {
    const { method, text } = message
    if (method === "notifications/tools/list_changed") {
      signals.offerUnsafe({ _tag: "RelayList", session })
      return undefined
    }
    // A question that is taken back: an agent without a session was not asked under an id.
    if (method === "notifications/cancelled" && session.modern) return undefined
    if (method !== "notifications/cancelled") return { data: text, supersedes: supersedes(message) }
    const id = JsonText.at(text, ["params", "requestId"])
    const shown = id === undefined ? undefined : session.questions.shownAs(id, from.generation)
    const data = shown === undefined || shown === id ? text : JsonText.set(text, ["params", "requestId"], shown)
    return { data, supersedes: undefined }
  }

  const received: RelayMessages["received"] = (session, event, from, askedBy) => {
    if (event.data === "") return undefined
    const message = event.message ?? parsed(event.data)
    switch (message?._tag) {
      case undefined:
        return dropped(session, "an event that is no JSON-RPC message")
      case "Response":
        // Each request of the agent is answered once, by whoever waits for it.
        return dropped(session, "an answer that nobody waits for")
      case "Request":
        if (message.id.length > maxQuestionId) {
          return dropped(session, `a question whose id has more than ${maxQuestionId} characters`)
        }
        if (!session.modern) return question(session, message, from)
        return askedBy?.(message, from) === true ? undefined : unanswerable(session, message)
      case "Notification":
        return notification(session, message, from)
    }
  }
  const self: RelayMessages = { received }
  return self
})

const parsed = (data: string): Message.Message | undefined => {
  const result = Message.parse(data)
  return Result.isSuccess(result) && result.success._tag !== "Batch" ? result.success : undefined
}

const supersedes = ({ method, params }: Message.Notification): string | undefined => {
  if (method.endsWith("/list_changed")) return method
  return method === "notifications/progress" ? `${progressPrefix}${String(params["progressToken"])}` : undefined
}

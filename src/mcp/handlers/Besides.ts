/**
 * What an agent is told once, beside the answer to another call: that an accepted call became a dead letter, that the
 * result of a call is kept whose answer did not reach it (BEHAVIOUR 5), and that messages came into its inbox (BEHAVIOUR
 * 15).
 */
import { DateTime, Effect, Option, Schema, Stream } from "effect"
import { Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { Inbox } from "../../inbox/Inbox.ts"
import type { InboxMessage } from "../../inbox/InboxMessage.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import { deadLetterNote } from "../../outbox/Acknowledgement.ts"
import type { Entry } from "../../outbox/Entry.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import type { KeptResult } from "../../results/KeptResult.ts"
import { Results } from "../../results/Results.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { AgentSessions } from "../sessions/AgentSessions.ts"

/** Dead letters and messages from now on are also told to the agents' open streams, where the relay has logging. */
export const make = Effect.gen(function*() {
  const { inbox: { tool: inboxTool }, results: { tool } } = yield* Settings
  const inbox = yield* Inbox
  const outbox = yield* Outbox
  const results = yield* Results
  const cached = yield* CachedInitialize
  const sessions = yield* AgentSessions
  const { supervise } = yield* Supervisor

  /** An acknowledgement or result says it all the same. */
  const notify = Effect.fnUntraced(function*(agent: AgentName, message: string) {
    const initialized = yield* cached.find
    if (Option.isNone(initialized)) return
    if (JsonText.at(initialized.value, ["capabilities", "logging"]) === undefined) return
    for (const session of yield* sessions.loaded) {
      if (session.agent === agent && session.readers > 0) session.log.append(message)
    }
  })
  yield* Stream.runForEach(outbox.deadLetters, (entry) => notify(entry.agent, letterLogged(entry))).pipe(
    supervise("dead-letters")
  )
  yield* Stream.runForEach(inbox.received, (message) => notify(message.agent, messageLogged(message, inboxTool))).pipe(
    supervise("inbox-messages")
  )

  return {
    /** Whether there is anything to tell; costs nothing. */
    has: (agent: AgentName): boolean => outbox.hasUnreported(agent) || results.hasNews(agent) || inbox.hasNews(agent),

    /**
     * The response with a text block more for each kind that there is to tell; as it was where there is nothing, or where
     * it has structuredContent, which is all that clients would show.
     */
    nameIn: Effect.fnUntraced(function*(agent: AgentName, response: string) {
      const content = JsonText.at(response, ["result", "content"])
      if (content === undefined || JsonText.at(response, ["result", "structuredContent"]) !== undefined) return response
      const letters = outbox.hasUnreported(agent) ? yield* outbox.unreported(agent) : []
      const kept = results.hasNews(agent) ? yield* results.takeNews(agent) : []
      const messages = inbox.hasNews(agent) ? yield* inbox.takeNews(agent) : []
      const notes = [
        ...(letters.length === 0 ? [] : [deadLetterNote(letters)]),
        ...(kept.length === 0 ? [] : [keptNote(kept, tool)]),
        ...(messages.length === 0 ? [] : [inboxNote(messages, inboxTool)])
      ]
      return notes.length === 0
        ? response
        : JsonText.set(response, ["result", "content"], blocksWith(content, notes))
    }),

    /** The acknowledgement with messages named in its note, which names dead letters by itself. */
    nameInAcknowledgement: Effect.fnUntraced(function*(agent: AgentName, response: string) {
      const note = JsonText.at(response, ["result", "structuredContent", "note"])
      if (note === undefined || !inbox.hasNews(agent)) return response
      const messages = yield* inbox.takeNews(agent)
      if (messages.length === 0) return response
      const text = `${decodeText(note)} ${inboxNote(messages, inboxTool)}`
      const withNote = JsonText.set(response, ["result", "structuredContent", "note"], JSON.stringify(text))
      return JsonText.set(withNote, ["result", "content"], blocksWith("[]", [text]))
    })
  }
})

/** A log message for people (MCP 2025-11-25, server/utilities/logging). */
const letterLogged = (entry: Entry): string =>
  JSON.stringify({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level: "error", logger: "holdfast", data: deadLetterNote([entry]) }
  })

const messageLogged = (message: InboxMessage, tool: string | undefined): string =>
  JSON.stringify({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: {
      level: "notice",
      logger: "holdfast.inbox",
      data: { id: message.id, from: message.from, note: inboxNote([message], tool) }
    }
  })

const blocksWith = (content: string, notes: ReadonlyArray<string>): string => {
  const blocks = [...JsonText.elements(content, []), ...notes.map((text) => JSON.stringify({ type: "text", text }))]
  return `[${blocks.join(",")}]`
}

const decodeText = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.String))

const maxNamed = 5

const describe = ({ calledAt, id, state, tool }: KeptResult): string =>
  `${tool}, called at ${DateTime.formatIso(DateTime.makeUnsafe(calledAt))} (result ${id}${
    state === "failed" ? ", an error" : ""
  })`

/** For a model to act on: which calls, and how their results are read. */
const keptNote = (kept: ReadonlyArray<KeptResult>, tool: string | undefined): string => {
  const rest = kept.length - maxNamed
  const one = kept.length === 1
  const how = tool === undefined ? `"holdfast results show ID" prints` : `The tool ${tool} with that id gives`
  return `${
    one ? "An earlier call" : `${kept.length} earlier calls`
  } of this agent ended when nobody was there to take `
    + `the answer: ${kept.slice(0, maxNamed).map(describe).join("; ")}${rest > 0 ? `; and ${rest} more` : ""}. `
    + `${one ? "Its result is" : "Their results are"} kept: ${how} it. Do not repeat ${
      one ? "the call" : "the calls"
    } for that.`
}

/** Who wrote, and how it is read; what they wrote does not stand in the answer to another call. */
const inboxNote = (messages: ReadonlyArray<InboxMessage>, tool: string | undefined): string => {
  const rest = messages.length - maxNamed
  const one = messages.length === 1
  const how = tool === undefined ? `"holdfast inbox read ID" prints` : `the tool ${tool} with that id gives`
  const named = messages.slice(0, maxNamed).map(({ from, id }) =>
    `from ${JSON.stringify(from)} (id ${JSON.stringify(id)})`
  )
  return `${one ? "A message" : `${messages.length} messages`} came into the inbox of this agent: ${named.join("; ")}${
    rest > 0 ? `; and ${rest} more` : ""
  }. To read ${one ? "it" : "them"}: ${how} it.`
}

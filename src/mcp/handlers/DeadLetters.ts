/** Telling an agent, once, that an accepted call became a dead letter (BEHAVIOUR 5). */
import { Effect, Option, Stream } from "effect"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import { deadLetterNote } from "../../outbox/Acknowledgement.ts"
import type { Entry } from "../../outbox/Entry.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { AgentSessions } from "../sessions/AgentSessions.ts"

/** Also tells those that die from now on to the agents' open streams, where the relay has logging. */
export const make = Effect.gen(function*() {
  const outbox = yield* Outbox
  const cached = yield* CachedInitialize
  const sessions = yield* AgentSessions
  const { supervise } = yield* Supervisor

  /** An acknowledgement or result says it all the same. */
  const notify = Effect.fnUntraced(function*(entry: Entry) {
    const initialized = yield* cached.find
    if (Option.isNone(initialized)) return
    if (JsonText.at(initialized.value, ["capabilities", "logging"]) === undefined) return
    for (const session of yield* sessions.loaded) {
      if (session.agent === entry.agent && session.readers > 0) session.log.append(logged(entry))
    }
  })
  yield* Stream.runForEach(outbox.deadLetters, notify).pipe(supervise("dead-letters"))

  return {
    /**
     * The response with a text block more that names the dead letters not yet told of; as it was where there are none,
     * or where it has structuredContent, which is all that clients would show.
     */
    nameIn: Effect.fnUntraced(function*(agent: AgentName, response: string) {
      if (!outbox.hasUnreported(agent)) return response
      const content = JsonText.at(response, ["result", "content"])
      if (content === undefined || JsonText.at(response, ["result", "structuredContent"]) !== undefined) return response
      const letters = yield* outbox.unreported(agent)
      return letters.length === 0
        ? response
        : JsonText.set(response, ["result", "content"], blocksWith(content, letters))
    })
  }
})

/** A log message for people (MCP 2025-11-25, server/utilities/logging). */
const logged = (entry: Entry): string =>
  JSON.stringify({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level: "error", logger: "holdfast", data: deadLetterNote([entry]) }
  })

const blocksWith = (content: string, letters: ReadonlyArray<Entry>): string => {
  const blocks = [...JsonText.elements(content, []), JSON.stringify({ type: "text", text: deadLetterNote(letters) })]
  return `[${blocks.join(",")}]`
}

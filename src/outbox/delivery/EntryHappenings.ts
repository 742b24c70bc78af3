/** Tells what became of an entry, to whoever listens. */
import { Effect, Option } from "effect"
import { RelayTarget } from "../../config/Settings.ts"
import { Happenings, ofAgent } from "../../observability/Happenings.ts"
import type { Entry } from "../Entry.ts"
import type { Lane } from "./Lane.ts"

/** `sent`: its last attempt from the queue. */
export type Tell = (
  what: "call.queued" | "call.delivered" | "call.dead" | "call.held",
  entry: Entry,
  sent?: Lane["lastAttempt"]
) => void

/** Agents and relays may write what they like; of longer texts this much is told. */
const maxText = 500

export const make = Effect.gen(function*() {
  const { id: relay } = yield* RelayTarget
  const happenings = yield* Happenings
  const tell: Tell = (what, entry, sent) => {
    if (!happenings.heard) return
    const { agent, attempts, id, key, lane, occurredAt, reason, tool } = entry
    happenings.tell(what, ofAgent(agent), {
      relay,
      entry: id,
      tool: tool.slice(0, maxText),
      key: key.slice(0, maxText),
      lane: lane.slice(0, maxText),
      attempt: attempts,
      ...Option.isSome(reason) && { reason: reason.value.slice(0, maxText) },
      ...sent !== undefined && { sentAt: sent.at, relayMillis: sent.millis },
      occurredAt
    })
  }
  return tell
})

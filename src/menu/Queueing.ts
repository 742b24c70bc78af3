/** Whether calls of a tool are queued while the relay is away, and why or why not (BEHAVIOUR 5, "What may be queued"). */
import { Data } from "effect"
import type { SettingsValues } from "../config/Settings.ts"
import * as ToolNames from "../config/ToolNames.ts"
import { type OnUnknown, onUnknownFor } from "../outbox/Call.ts"
import type { ToolSpec } from "./ToolSpec.ts"

export type Queueing = Data.TaggedEnum<{
  /** `pattern` of `outbox.bufferable` names the tool. `onUnknown` is what follows where an attempt's outcome is unknown. */
  Queued: { readonly pattern: string; readonly onUnknown: OnUnknown; readonly readsOnly: boolean }
  /** Not named, though the relay declares that a repeated call does no harm: worth a question to the user. */
  Proposable: { readonly declares: "idempotencyKey" | "idempotentHint" }
  ReadsOnly: {}
  /** Not named, and its name says that the agent acts on the answer, such as a claim that another agent may win. */
  NeedsAnswer: { readonly word: string }
  NotNamed: {}
  /** Each call of it is a task, or its definition says so; naming it changes nothing. */
  Never: { readonly why: string }
}>
export const Queueing = Data.taggedEnum<Queueing>()

/** Words in a tool's name: never proposed. The user may still name such a tool. */
const answerNeeded = new Set(["acquire", "claim", "lock", "shutdown", "spawn"])

const wordsOf = (name: string): ReadonlyArray<string> =>
  name.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z0-9]+/)

/** What follows for each tool from these settings; compiled once. */
export const compile = (
  { bufferable, onUnknown }: Pick<SettingsValues["outbox"], "bufferable" | "onUnknown">
): (tool: ToolSpec) => Queueing => {
  const patterns = bufferable.map((pattern) => ({ pattern, matches: ToolNames.matcher([pattern]) }))
  return (tool) => {
    const { name, declaresKey, idempotentHint, readOnlyHint } = tool
    if (tool.requiresTask) return Queueing.Never({ why: "its calls are tasks" })
    if (tool.neverQueued) return Queueing.Never({ why: "its definition says so" })
    const naming = patterns.find(({ matches }) => matches(name))
    if (naming !== undefined) {
      return Queueing.Queued({
        pattern: naming.pattern,
        onUnknown: onUnknownFor(tool, onUnknown),
        readsOnly: readOnlyHint
      })
    }
    if (readOnlyHint) return Queueing.ReadsOnly()
    const word = wordsOf(name).find((word) => answerNeeded.has(word))
    if (word !== undefined) return Queueing.NeedsAnswer({ word })
    // Proposed, it would be written into the settings, where it would mean others too.
    if (!ToolNames.isPlain(name)) return Queueing.NotNamed()
    if (declaresKey) return Queueing.Proposable({ declares: "idempotencyKey" })
    return idempotentHint ? Queueing.Proposable({ declares: "idempotentHint" }) : Queueing.NotNamed()
  }
}

/** One line for a person. */
export const format: (queueing: Queueing) => string = Queueing.$match({
  Queued: ({ onUnknown, pattern, readsOnly }) =>
    `queued: outbox.bufferable names ${pattern}`
    + (readsOnly ? ", but the tool only reads: better not" : "")
    + (onUnknown === "dead" ? "; never sent twice" : ""),
  Proposable: ({ declares }) => `not queued, but could be: declares ${declares}`,
  ReadsOnly: () => "not queued: only reads",
  NeedsAnswer: ({ word }) => `not queued: the agent needs the answer (${word})`,
  NotNamed: () => "not queued: not in outbox.bufferable",
  Never: ({ why }) => `never queued: ${why}`
})

/** An agent's workspace context, as the admin API tells it. */
import { Schema } from "effect"
import { ContextState } from "../context/ContextState.ts"
import { AgentName } from "../domain/Ids.ts"
import { Instant } from "./Instant.ts"

export const contextEvents = [
  "Attach",
  "MarkReady",
  "RequestReview",
  "Reopen",
  "Merge",
  "Abandon",
  "Release",
  "Detach",
  "SetFact",
  "ClearFact"
] as const

/**
 * `path` and `branch` belong to `Attach`, which needs both; `fact`, one that the configuration names, to `SetFact` and
 * `ClearFact`, which leave the state as it is.
 */
export const ContextCommand = Schema.Struct({
  agent: AgentName,
  event: Schema.Literals(contextEvents),
  path: Schema.optional(Schema.String),
  branch: Schema.optional(Schema.String),
  fact: Schema.optional(Schema.String)
})
export type ContextCommand = typeof ContextCommand.Type

export const ContextView = Schema.Struct({
  agent: AgentName,
  state: ContextState,
  /** What the menu's rules go by. */
  facts: Schema.Array(Schema.String),
  /** The latest 20, newest first. */
  history: Schema.Array(Schema.Struct({
    at: Instant,
    event: Schema.String,
    /** What drove it: `cli`, `api`, `library`, or the tool whose success was observed. */
    cause: Schema.String,
    state: ContextState
  }))
})
export type ContextView = typeof ContextView.Type

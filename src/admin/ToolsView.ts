/** What an agent sees of a relay's tools and what is hidden from it, as the admin API tells it. */
import { Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import { Instant } from "./Instant.ts"

/** Hidden for the agent's context window, not for security: a call to a hidden tool is forwarded all the same. */
export const HiddenTool = Schema.Struct({
  name: Schema.String,
  /** The rule's globs. */
  rule: Schema.Array(Schema.String),
  /** The fact that the rule needs and the agent's context lacks. */
  needs: Schema.String,
  reason: Schema.NullOr(Schema.String)
})
export type HiddenTool = typeof HiddenTool.Type

export const ToolsView = Schema.Struct({
  relay: RelayId,
  agent: AgentName,
  /** When the relay gave this list; `null` where it never did. */
  fetchedAt: Schema.NullOr(Instant),
  facts: Schema.Array(Schema.String),
  visible: Schema.Array(Schema.String),
  hidden: Schema.Array(HiddenTool)
})
export type ToolsView = typeof ToolsView.Type

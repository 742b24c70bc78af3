/** A relay's tools, in its order: which of them the agent sees and which are queued, as the admin API tells it. */
import { Schema } from "effect"
import { AgentName, RelayId } from "../domain/Ids.ts"
import { Instant } from "./Instant.ts"

/** The menu rule that hides a tool. A call to a hidden tool is forwarded all the same: hiding protects nothing. */
export const HidingRule = Schema.Struct({
  /** The rule's names and globs. */
  tools: Schema.Array(Schema.String),
  /** The fact that the rule needs and the agent's context lacks. */
  needs: Schema.String,
  reason: Schema.NullOr(Schema.String)
})
export type HidingRule = typeof HidingRule.Type

export const ToolView = Schema.Struct({
  name: Schema.String,
  visible: Schema.Boolean,
  /** Whether its definition is approved, where the relay's tools are pinned: without approval it is held back. */
  approval: Schema.Literals(["not pinned", "approved", "new", "changed"]),
  /** `null` where no rule hides it. */
  hiddenBy: Schema.NullOr(HidingRule),
  /** Calls are queued while the relay is away. */
  queued: Schema.Boolean,
  /** Why they are queued or not; `proposable`: not, but the relay declares that a repeat does no harm. */
  why: Schema.Literals(["named", "proposable", "reads only", "needs answer", "not named", "never"]),
  /** The same for a person, in one line. */
  note: Schema.String
})
export type ToolView = typeof ToolView.Type

export const ToolsView = Schema.Struct({
  relay: RelayId,
  agent: AgentName,
  /** When the relay gave this list; `null` where it never did. */
  fetchedAt: Schema.NullOr(Instant),
  /** The facts that hold in the agent's context. */
  facts: Schema.Array(Schema.String),
  /** Clients, by `clientInfo.name`, that see hidden tools all the same. */
  notNarrowed: Schema.Array(Schema.String),
  /** The setting `outbox.bufferable`: names and globs of the tools that may be queued. */
  bufferable: Schema.Array(Schema.String),
  tools: Schema.Array(ToolView)
})
export type ToolsView = typeof ToolsView.Type

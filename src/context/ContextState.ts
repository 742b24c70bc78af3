/** Where an agent stands: in the shared checkout, or in a worktree of its own and how far along (BEHAVIOUR 6). */
import { Schema } from "effect"

export const Phase = Schema.Literals(["Active", "Ready", "ReviewRequested", "Merged", "Abandoned", "Released"])
export type Phase = typeof Phase.Type

export const Shared = Schema.TaggedStruct("Shared", {})
export const Worktree = Schema.TaggedStruct("Worktree", {
  path: Schema.String,
  branch: Schema.String,
  /** Counts up with each Attach of this agent: an event queued under one worktree never moves another. */
  epoch: Schema.Int,
  phase: Phase
})
export const ContextState = Schema.Union([Shared, Worktree])
export type ContextState = typeof ContextState.Type

export const ContextEvent = Schema.Union([
  Schema.TaggedStruct("Attach", { path: Schema.String, branch: Schema.String }),
  Schema.TaggedStruct("MarkReady", {}),
  Schema.TaggedStruct("RequestReview", {}),
  Schema.TaggedStruct("Reopen", {}),
  Schema.TaggedStruct("Merge", {}),
  Schema.TaggedStruct("Abandon", {}),
  Schema.TaggedStruct("Release", {}),
  Schema.TaggedStruct("Detach", {})
])
export type ContextEvent = typeof ContextEvent.Type

/** The fact that the states give. */
export const isolatedWorktree = "isolatedWorktree"

/** What the menu's rules may need: what the state gives, and what the configuration names and somebody set. */
export type Facts = ReadonlySet<string>

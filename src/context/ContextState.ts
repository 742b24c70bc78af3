/**
 * The state of an agent's workspace: the shared checkout, or a worktree of its own and its phase (BEHAVIOUR 6).
 * `transition` is the table of BEHAVIOUR 6 as a pure function; an illegal event fails with the legal ones.
 */
import { Result, Schema } from "effect"

export const Phase = Schema.Literals(["Active", "Ready", "ReviewRequested", "Merged", "Abandoned", "Released"])
export type Phase = typeof Phase.Type

export const Shared = Schema.TaggedStruct("Shared", {})
export const Worktree = Schema.TaggedStruct("Worktree", {
  path: Schema.String,
  branch: Schema.String,
  /** Counts up with each Attach of this agent. An event that was queued under one worktree never moves another. */
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

/** The state gives this fact. */
export const isolatedWorktree = "isolatedWorktree"

/**
 * Facts that the menu's rules ask for: the state gives one, the configuration names the others and somebody sets them.
 */
export type Facts = ReadonlySet<string>

// The table of BEHAVIOUR 6, as a pure function: what is not in it is refused, with what would be possible.

export class IllegalTransition extends Schema.TaggedError<IllegalTransition>()("IllegalTransition", {
  state: Schema.String,
  event: Schema.String,
  legal: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${this.event} is not possible in ${this.state}; possible now: ${this.legal.join(", ")}`
  }
}

/** Where a state stands in the table: no worktree, or the worktree's phase. */
export type Place = "Shared" | Phase

export const terminal: ReadonlyArray<Place> = ["Merged", "Abandoned", "Released"]
const open: ReadonlyArray<Place> = ["Active", "Ready", "ReviewRequested"]

export const table: Readonly<
  Record<ContextEvent["_tag"], { readonly from: ReadonlyArray<Place>; readonly to: Place }>
> = {
  Attach: { from: ["Shared", ...terminal], to: "Active" },
  MarkReady: { from: ["Active", "ReviewRequested"], to: "Ready" },
  RequestReview: { from: ["Active", "Ready"], to: "ReviewRequested" },
  Reopen: { from: ["Ready", "ReviewRequested"], to: "Active" },
  Merge: { from: open, to: "Merged" },
  Abandon: { from: open, to: "Abandoned" },
  Release: { from: open, to: "Released" },
  Detach: { from: ["Shared", ...open, ...terminal], to: "Shared" }
}

export const placeOf = (state: ContextState): Place => state._tag === "Shared" ? "Shared" : state.phase

/** The epoch that an event for this state names; 0 for the shared checkout. */
export const epochOf = (state: ContextState): number => state._tag === "Shared" ? 0 : state.epoch

export const legalIn = (place: Place): ReadonlyArray<string> =>
  Object.entries(table).filter(([, { from }]) => from.includes(place)).map(([event]) => event)

/** `epoch` is the one that a new worktree gets. */
export const transition = (
  state: ContextState,
  event: ContextEvent,
  epoch: number
): Result.Result<ContextState, IllegalTransition> => {
  const place = placeOf(state)
  const { from, to } = table[event._tag]
  if (from.includes(place)) {
    if (to === "Shared") return Result.succeed({ _tag: "Shared" })
    if (event._tag === "Attach") {
      return Result.succeed({ _tag: "Worktree", path: event.path, branch: event.branch, epoch, phase: to })
    }
    if (state._tag === "Worktree") return Result.succeed({ ...state, phase: to })
  }
  return Result.fail(new IllegalTransition({ state: place, event: event._tag, legal: legalIn(place) }))
}

/** `isolatedWorktree` holds in a worktree that has not ended. */
export const factsOf = (state: ContextState): Facts => new Set(open.includes(placeOf(state)) ? [isolatedWorktree] : [])

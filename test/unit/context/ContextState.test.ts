import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import {
  ContextEvent,
  ContextState,
  factsOf,
  type Place,
  placeOf,
  transition
} from "../../../src/context/ContextState.ts"

/** The table once more, by hand: from each place, where each event leads. */
const expected: Record<Place, Partial<Record<ContextEvent["_tag"], Place>>> = {
  Shared: { Attach: "Active", Detach: "Shared" },
  Active: {
    MarkReady: "Ready",
    RequestReview: "ReviewRequested",
    Merge: "Merged",
    Abandon: "Abandoned",
    Release: "Released",
    Detach: "Shared"
  },
  Ready: {
    RequestReview: "ReviewRequested",
    Reopen: "Active",
    Merge: "Merged",
    Abandon: "Abandoned",
    Release: "Released",
    Detach: "Shared"
  },
  ReviewRequested: {
    MarkReady: "Ready",
    Reopen: "Active",
    Merge: "Merged",
    Abandon: "Abandoned",
    Release: "Released",
    Detach: "Shared"
  },
  Merged: { Attach: "Active", Detach: "Shared" },
  Abandoned: { Attach: "Active", Detach: "Shared" },
  Released: { Attach: "Active", Detach: "Shared" }
}

describe("transition", () => {
  it.prop(
    "never leaves the table, and lists what is legal where it refuses",
    [ContextState, ContextEvent],
    ([state, event]) => {
      const row = expected[placeOf(state)]
      const result = transition(state, event, 7)
      if (Result.isSuccess(result)) return placeOf(result.success) === row[event._tag]
      assert.deepStrictEqual([...result.failure.legal].sort(), Object.keys(row).sort())
      return row[event._tag] === undefined && result.failure.event === event._tag
    }
  )

  it.prop("only Attach makes an epoch, and only Attach and Detach leave a terminal phase", [
    Schema.Array(ContextEvent)
  ], ([events]) => {
    let state: ContextState = { _tag: "Shared" }
    let epoch = 0
    for (const event of events) {
      const result = transition(state, event, epoch + 1)
      if (Result.isFailure(result)) continue
      const next = result.success
      if (["Merged", "Abandoned", "Released"].includes(placeOf(state))) {
        assert.include(["Attach", "Detach"], event._tag)
      }
      if (event._tag === "Attach") epoch++
      if (next._tag === "Worktree") assert.strictEqual(next.epoch, epoch)
      if (next._tag === "Worktree" && event._tag !== "Attach" && state._tag === "Worktree") {
        assert.deepStrictEqual({ ...next, phase: state.phase }, state)
      }
      state = next
    }
  })

  it.prop(
    "gives the fact isolatedWorktree exactly while a worktree is open",
    [ContextState],
    ([state]) =>
      factsOf(state).has("isolatedWorktree") === ["Active", "Ready", "ReviewRequested"].includes(placeOf(state))
  )

  it("says what is possible instead", () => {
    const error = Result.getOrThrow(Result.flip(transition({ _tag: "Shared" }, { _tag: "Merge" }, 1)))
    assert.strictEqual(error.message, "Merge is not possible in Shared; possible now: Attach, Detach")
  })
})

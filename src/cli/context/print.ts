import { Console, DateTime, Effect } from "effect"
import type { ContextView } from "../../admin/ContextView.ts"
import type { ContextState } from "../../context/ContextState.ts"

const inWords = (state: ContextState): string =>
  state._tag === "Shared" ? "shared checkout" : `worktree ${state.path} on ${state.branch}: ${state.phase}`

export const printContext = Effect.fnUntraced(function*(view: ContextView) {
  yield* Console.log(`${view.agent}: ${inWords(view.state)}`)
  yield* Console.log(`facts: ${view.facts.length === 0 ? "none" : view.facts.join(", ")}`)
  for (const entry of view.history) {
    yield* Console.log(`  ${DateTime.formatIso(entry.at)}  ${entry.event} (${entry.cause}) → ${inWords(entry.state)}`)
  }
})

/** The tools that may be queued though no setting names them: proposed, and written where the user agrees. */
import { Console, Effect, Option } from "effect"
import { Prompt, TerminalCapabilities } from "effect/cli"
import type { ToolsView } from "../../admin/ToolsView.ts"

export interface Chosen {
  /** `--queue`: names and globs. */
  readonly named: Option.Option<ReadonlyArray<string>>
  /** `--yes`: all that are proposed. */
  readonly yes: boolean
}

/** The names to add; none where nobody is there to be asked. */
export const chooseQueued = Effect.fnUntraced(function*(view: ToolsView, { named, yes }: Chosen) {
  const missing = (names: ReadonlyArray<string>) => names.filter((name) => !view.bufferable.includes(name))
  if (Option.isSome(named)) return missing(named.value)
  const proposed = view.tools.filter(({ why }) => why === "proposable").map(({ name }) => name)
  if (proposed.length === 0) return []
  const list = proposed.join(", ")
  if (yes) return missing(proposed)
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt) {
    yield* Console.log(
      `These tools say that a repeated call does no harm, so their calls could be queued while the relay is away: ${list}.\n`
        + `Agree with --yes, or name those that you want: --queue ${proposed.join(",")}`
    )
    return []
  }
  yield* Console.log(`These tools say that a repeated call does no harm: ${list}`)
  const agreed = yield* Prompt.run(
    Prompt.Confirm({ message: "Queue their calls while the relay is away?", initial: true })
  ).pipe(Effect.orElseSucceed(() => false))
  return agreed ? missing(proposed) : []
})

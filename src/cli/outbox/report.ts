/** Says what was done, and fails where nothing or not everything named was. */
import { Console, Effect } from "effect"
import type { Selection } from "../../admin/AdminApi.ts"
import { CommandFailed } from "../Failures.ts"

export const report = Effect.fnUntraced(function*(
  done: ReadonlyArray<number>,
  selection: Selection,
  words: { readonly done: string; readonly not: string }
) {
  if (done.length > 0) yield* Console.log(`${words.done}: ${done.join(", ")}`)
  if ("all" in selection) {
    if (done.length === 0) yield* Console.log("nothing there")
    return
  }
  const left = selection.ids.filter((id) => !done.includes(id))
  if (left.length > 0) return yield* new CommandFailed({ message: `${words.not}: ${left.join(", ")}` })
})

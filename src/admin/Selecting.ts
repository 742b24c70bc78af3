/** From a selection to the ids that each relay's outbox is asked about. */
import { Effect } from "effect"
import type { EntryState } from "../outbox/Entry.ts"
import type { Outbox } from "../outbox/Outbox.ts"
import type { Selection } from "./AdminApi.ts"

const page = 500

/** `states` are those to which it can be done at all. */
export const select = Effect.fnUntraced(function*(
  outbox: Outbox["Service"],
  selection: Selection,
  states: ReadonlyArray<EntryState>
) {
  if ("ids" in selection) return selection.ids
  const ids: Array<number> = []
  for (const state of states) {
    if (selection.state !== undefined && selection.state !== state) continue
    let after = 0
    while (true) {
      const entries = yield* outbox.list({ state, agent: selection.agent, limit: page, after })
      ids.push(...entries.map((entry) => entry.id))
      const last = entries.at(-1)
      if (last === undefined || entries.length < page) break
      after = last.id
    }
  }
  return ids.sort((a, b) => a - b)
})

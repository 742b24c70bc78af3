/** The command by which a person logs in for a relay, and for one agent of it where that has a login of its own. */
import { defaultRelay } from "../domain/Ids.ts"

export const loginCommand = (relay: string, agent?: string): string =>
  `"holdfast login${relay === defaultRelay ? "" : ` --relay ${relay}`}${
    agent === undefined ? "" : ` --agent ${agent}`
  }"`

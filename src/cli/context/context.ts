import { Command } from "effect/cli"
import { send } from "./send.ts"
import { show } from "./show.ts"

export const context = Command.make("context").pipe(
  Command.withDescription("Where an agent stands: in the shared checkout, or in a worktree of its own"),
  Command.withSubcommands([show, send])
)

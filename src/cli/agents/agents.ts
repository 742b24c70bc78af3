import { Command } from "effect/cli"
import { list } from "./list.ts"

export const agents = Command.make("agents").pipe(
  Command.withDescription("Who may speak to the endpoint"),
  Command.withSubcommands([list])
)

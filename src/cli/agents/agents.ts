import { Command } from "effect/cli"
import { add } from "./add.ts"
import { list } from "./list.ts"
import { remove } from "./remove.ts"

export const agents = Command.make("agents").pipe(
  Command.withDescription("Who may connect: each agent has a secret, a context, sessions and a queue of its own"),
  Command.withSubcommands([list, add, remove])
)

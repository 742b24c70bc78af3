import { Command } from "effect/cli"
import { refresh } from "./refresh.ts"
import { show } from "./show.ts"

export const token = Command.make("token").pipe(
  Command.withDescription("The relay's token"),
  Command.withSubcommands([show, refresh])
)

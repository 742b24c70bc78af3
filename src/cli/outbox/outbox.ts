import { Command } from "effect/cli"
import { discard } from "./discard.ts"
import { exportEntries } from "./exportEntries.ts"
import { list } from "./list.ts"
import { retry } from "./retry.ts"
import { show } from "./show.ts"

export const outbox = Command.make("outbox").pipe(
  Command.withDescription("The durable queue of accepted calls"),
  Command.withSubcommands([list, show, exportEntries, retry, discard])
)

import { Command } from "effect/cli"
import { discard, retry } from "./change.ts"
import { exportEntries, list, show } from "./read.ts"

export const outbox = Command.make("outbox").pipe(
  Command.withDescription("The durable queue of accepted calls"),
  Command.withExamples([
    { command: "holdfast outbox list", description: "List what waits, is held or is dead" },
    { command: "holdfast outbox retry --all", description: "Send everything dead or held again" }
  ]),
  Command.withSubcommands([list, show, exportEntries, retry, discard])
)

import { Effect } from "effect"
import { Command } from "effect/cli"
import { withDaemon } from "../DaemonClient.ts"

/** Loaded when it is wanted: other commands that agents and git start do without. */
export const watch = Effect.flatMap(Effect.promise(() => import("./watch.ts")), ({ watch }) => watch)

export const top = Command.make("top", {}, () => watch).pipe(
  Command.withDescription("The daemon at a glance, redrawn, with keys: relays, what waits, what needs you"),
  Command.withExamples([
    { command: "holdfast top", description: "Watch relays, letters and agents; r sends a dead letter again" },
    { command: "holdfast top | tee top.log", description: "Without a screen: a line for what changed" }
  ]),
  withDaemon
)

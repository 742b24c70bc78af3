import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { erase } from "./erase.ts"
import { explain } from "./explain.ts"
import { get } from "./get.ts"
import { install } from "./install.ts"
import { store } from "./store.ts"
import { uninstall } from "./uninstall.ts"

export const credential = Command.make(
  "credential",
  { operation: Argument.String("operation").pipe(Argument.variadic()) },
  // What later versions of git may ask for is no error (gitcredentials(7)).
  ({ operation }) => Effect.asVoid(explain(`"${operation.join(" ")}" is no operation of ours`))
).pipe(
  Command.withDescription("A git credential helper for the hosts that the settings name"),
  Command.withSubcommands([get, store, erase, install, uninstall])
)

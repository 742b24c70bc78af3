import { Effect } from "effect"
import { Command } from "effect/cli"
import { explain } from "./explain.ts"
import { gitInput } from "./gitInput.ts"
import { quietly } from "./quietly.ts"

/** Reads what git writes, or git would see a broken pipe. */
const ignore = Effect.andThen(gitInput, explain("nothing is stored: what is short-lived is asked for anew"))

export const store = Command.make("store", {}, () => quietly(ignore)).pipe(
  Command.withDescription("For git: nothing is stored")
)

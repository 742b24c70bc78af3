/** Every command. */
import { Command } from "effect/cli"
import { holdfast } from "../cli/holdfast.ts"
import { version } from "../domain/Version.ts"
import { run } from "./run.ts"

holdfast.pipe(Command.run({ version }), run)

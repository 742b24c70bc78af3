/** `holdfast serve` alone. */
import { Command } from "effect/cli"
import { root } from "../cli/root.ts"
import { serve } from "../cli/serve.ts"
import { version } from "../domain/Version.ts"
import { run } from "./run.ts"
import { boundYoungGeneration } from "./youngGeneration.ts"

boundYoungGeneration()
root.pipe(Command.withSubcommands([serve]), Command.run({ version }), run)

#!/usr/bin/env node
/** Every command. */
import { Command } from "effect/cli"
import { holdfast } from "./cli/holdfast.ts"
import { version } from "./domain/Version.ts"
import { run } from "./programs/run.ts"

holdfast.pipe(Command.run({ version }), run)

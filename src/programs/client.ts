/** The commands that only ask the daemon. */
import { Command } from "effect/cli"
import { client } from "../cli/client.ts"
import { version } from "../domain/Version.ts"
import { run } from "./run.ts"

client.pipe(Command.run({ version }), run)

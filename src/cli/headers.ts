import { Console, Effect, FileSystem, Option, Path } from "effect"
import { Command } from "effect/cli"
import { otherVariables } from "../config/Environment.ts"
import { daemonDirectory, settings } from "./configuration.ts"
import { CommandFailed } from "./Failures.ts"
import { root } from "./root.ts"
import { runningDaemon, startedDaemon } from "./startedDaemon.ts"

/** For a client that asks a command before it connects; a daemon that does not run is started first. */
export const headers = Command.make("headers", {}, () =>
  Effect.gen(function*() {
    const dataDir = yield* daemonDirectory
    const { config } = yield* root
    // One that runs serves whatever the file says by now.
    if (Option.isNone(yield* runningDaemon(dataDir))) yield* startedDaemon(yield* settings, dataDir, config)
    const fs = yield* FileSystem.FileSystem
    const file = (yield* Path.Path).join(dataDir, "agent-secret")
    const secret = process.env[otherVariables.agentSecret] || (yield* fs.readFileString(file).pipe(
      Effect.mapError(() => new CommandFailed({ message: `cannot read ${file}: run this as the daemon's user` }))
    )).trim()
    yield* Console.log(JSON.stringify({ Authorization: `Bearer ${secret}` }))
  })).pipe(
    Command.withDescription("The headers that a client sends, with the agent's secret, as JSON; not for the eye"),
    Command.withExamples([{
      command: "holdfast headers",
      description: "What a client's configuration runs before it connects"
    }])
  )

import { Console, Effect, FileSystem, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { join } from "node:path"
import { LogLevel } from "../config/Settings.ts"
import { dataDirectory, settings } from "./configuration.ts"
import * as Service from "./connect/Service.ts"
import { DaemonClient, withDaemon } from "./DaemonClient.ts"
import { CommandFailed, Ended } from "./Failures.ts"
import * as Foreground from "./Foreground.ts"

/** The journal where systemd keeps it, else the file that a daemon in the background writes. */
export const logs = Command.make("logs", {
  follow: Flag.Boolean("follow").pipe(
    Flag.withAlias("f"),
    Flag.withDescription("Go on with what comes"),
    Flag.withDefault(false)
  ),
  lines: Flag.Int("lines").pipe(
    Flag.withAlias("n"),
    Flag.withDescription("How many of the last lines (default: 100)"),
    Flag.withMetavar("N"),
    Flag.withDefault(100)
  ),
  setLevel: Flag.Literals("set-level", LogLevel.literals).pipe(
    Flag.withDescription("Change what the running daemon logs, until it is stopped; prints the log only with --follow"),
    Flag.withMetavar("LEVEL"),
    Flag.optional
  )
}, ({ follow, lines, setLevel }) =>
  Effect.gen(function*() {
    if (Option.isSome(setLevel)) {
      const daemon = yield* DaemonClient
      const { level } = yield* daemon.ask((client) => client.logLevel.set({ payload: { level: setLevel.value } }))
      yield* Console.log(`the daemon logs what is ${level} or above, until it is stopped`)
      if (!follow) return
    }
    const fs = yield* FileSystem.FileSystem
    const dataDir = yield* dataDirectory
    const unit = Option.filter(yield* Service.find(dataDir), ({ kind }) => kind === "systemd")
    const file = join(dataDir, "serve.log")
    if (Option.isNone(unit) && !(yield* fs.exists(file))) {
      return yield* new CommandFailed({
        message: `there is no ${file}: a daemon that was started in a terminal logs there, on standard error`
      })
    }
    const [program, ...args] = Option.match(unit, {
      onNone: () => ["tail", "-n", String(lines), ...follow ? ["-F"] : [], file] as const,
      onSome: ({ name }) =>
        ["journalctl", "--user", "--unit", name, "--lines", String(lines), ...follow ? ["-f"] : []] as const
    })
    const code = yield* Foreground.run(yield* settings, program, args, {})
    if (code !== 0) return yield* new Ended({ code })
  })).pipe(
    Command.withDescription("What the daemon in the background logged"),
    Command.withExamples([{ command: "holdfast logs --follow", description: "The last 100 lines, then what comes" }, {
      command: "holdfast logs --set-level debug --follow",
      description: "Make the running daemon log more, and read it"
    }]),
    withDaemon
  )

/** A person at the command line, in this process, whose browser agrees to whatever it is shown. */
import { NodeServices } from "@effect/platform-node"
import { Console, Effect, Fiber, Schema } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { exitCode } from "../../../src/cli/exitCode.ts"
import { holdfast } from "../../../src/cli/holdfast.ts"
import { presenter, reportFailure } from "../../../src/cli/reporting.ts"
import { builtIns } from "../../../src/cli/root.ts"
import { eventually } from "../../support/eventually.ts"

export class CommandEnded extends Schema.TaggedError<CommandEnded>()("CommandEnded", {
  command: Schema.String,
  code: Schema.Int,
  said: Schema.String
}) {
  override get message(): string {
    return `${this.command} ended with ${this.code}: ${this.said}`
  }
}

/** Runs one command to its end; every address that it prints is opened. Fails where it does. */
export const run = Effect.fnUntraced(function*(dataDir: string, ...args: ReadonlyArray<string>) {
  const configuration = join(dataDir, "empty.json")
  writeFileSync(configuration, "{}", { mode: 0o600 })
  const console = yield* TestConsole.make
  const text = Effect.map(console.logLines, (lines) => lines.map(String).join("\n"))
  const browser = eventually("an address to open", text, (said) => /https?:\S+\?\S+/.test(said), "20 seconds").pipe(
    Effect.flatMap((said) => Effect.promise(() => fetch(/https?:\S+\?\S+/.exec(said)?.[0] ?? "").catch(() => {})))
  )
  const opening = yield* Effect.forkChild(browser)
  const exit = yield* Command.runWith(holdfast, { version: "0.0.0" })([
    ...args,
    "--data-dir",
    dataDir,
    "--config",
    configuration
  ]).pipe(
    Effect.tapCause(reportFailure),
    Effect.provide([builtIns, presenter]),
    Effect.provideService(Console.Console, console),
    Effect.exit
  )
  yield* Fiber.interrupt(opening)
  const code = exitCode(exit)
  const said = `${yield* text}\n${(yield* console.errorLines).map(String).join("\n")}`
  if (code !== 0) return yield* new CommandEnded({ command: args.join(" "), code, said })
  return said
}, Effect.provide(NodeServices.layer))

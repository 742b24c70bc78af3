/**
 * A command in the foreground: our terminal, our signals, its exit code.
 *
 * It stays in our process group, so that the terminal's own signals reach it by themselves; those sent to us alone are
 * passed on. Meanwhile we wait, whatever comes: it is for the command to say when it ends.
 */
import { Effect, Schema } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { constants } from "node:os"
import { withoutSecrets } from "../config/SecretVariables.ts"
import type { SettingsValues } from "../config/Settings.ts"

export class CannotStart extends Schema.TaggedError<CannotStart>()("CannotStart", {
  command: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot start ${this.command}: ${this.detail}`
  }
}

/** The terminal sends these to the whole group; who sends them to us alone is rare, and is not told apart from it. */
const fromTerminal: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGQUIT"]
const passedOn: ReadonlyArray<NodeJS.Signals> = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]

const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)

/** Takes signals from whoever listened before, for as long as the child runs. */
const attend = (child: ChildProcess): () => void => {
  const taken = [...fromTerminal, ...passedOn].map((signal) => {
    const before = process.listeners(signal)
    process.removeAllListeners(signal)
    const listener = () => {
      if (passedOn.includes(signal) || !onTerminal) child.kill(signal)
    }
    process.on(signal, listener)
    return { signal, before, listener }
  })
  return () => {
    for (const { before, listener, signal } of taken) {
      process.off(signal, listener)
      for (const each of before) process.on(signal, each)
    }
  }
}

/**
 * A command that a signal ended ends with 128 and the signal's number, as a shell says it. It has our environment without
 * our secrets, and `environment` besides.
 */
export const run = (
  settings: SettingsValues,
  command: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>
): Effect.Effect<number, CannotStart> =>
  Effect.callback<number, CannotStart>((resume) => {
    const child = spawn(command, args, {
      stdio: "inherit",
      env: { ...withoutSecrets(process.env, settings), ...environment }
    })
    const leave = attend(child)
    child.once("error", (error: NodeJS.ErrnoException) => {
      leave()
      const detail = error.code === "ENOENT" ? "there is no such command on the PATH" : error.message
      resume(Effect.fail(new CannotStart({ command, detail })))
    })
    child.once("exit", (code, signal) => {
      leave()
      resume(Effect.succeed(code ?? 128 + constants.signals[signal ?? "SIGTERM"]))
    })
  }).pipe(Effect.uninterruptible)

/**
 * A command in the foreground: our terminal, our signals, its exit code.
 *
 * It stays in our process group, so that the terminal's own signals reach it by themselves; those sent to us alone are
 * passed on. Meanwhile we wait, whatever comes: it is for the command to say when it ends.
 */
import { Effect, Schema } from "effect"
import { spawn } from "node:child_process"
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

const details: Readonly<Record<string, string>> = {
  ENOENT: "there is no such command on the PATH",
  EACCES: "it is not a program that this user may run"
}

/** The terminal sends these to the whole group; who sends them to us alone is rare, and is not told apart from it. */
const fromTerminal: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGQUIT"]
const passedOn: ReadonlyArray<NodeJS.Signals> = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]

const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)

/**
 * Takes signals from whoever listened before, until the child has ended. We listen before they stop: where nobody did
 * for a moment, a signal that has come already would be lost.
 */
const attend = (kill: (signal: NodeJS.Signals) => void): () => void => {
  const taken = [...fromTerminal, ...passedOn].map((signal) => {
    const before = process.listeners(signal)
    const listener = () => {
      if (passedOn.includes(signal) || !onTerminal) kill(signal)
    }
    process.on(signal, listener)
    for (const each of before) process.off(signal, each)
    return { signal, before, listener }
  })
  return () => {
    for (const { before, listener, signal } of taken) {
      for (const each of before) process.on(signal, each)
      process.off(signal, listener)
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
    // From its first moment on the command may tell others to signal us.
    const leave = attend((signal) => child.kill(signal))
    const child = spawn(command, args, {
      stdio: "inherit",
      env: { ...withoutSecrets(process.env, settings), ...environment }
    })
    child.once("error", (error: NodeJS.ErrnoException) => {
      leave()
      const detail = details[error.code ?? ""] ?? error.message
      resume(Effect.fail(new CannotStart({ command, detail })))
    })
    child.once("exit", (code, signal) => {
      leave()
      resume(Effect.succeed(code ?? 128 + constants.signals[signal ?? "SIGTERM"]))
    })
  }).pipe(Effect.uninterruptible)

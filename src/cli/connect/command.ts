/** A program of the system's, run to its end: whether it ended well, and what it printed. */
import { Effect } from "effect"
import { execFile } from "node:child_process"

export const command = (
  program: string,
  args: ReadonlyArray<string>,
  timeout = 20_000
): Effect.Effect<{ readonly ok: boolean; readonly stdout: string; readonly stderr: string }> =>
  Effect.callback((resume) => {
    const child = execFile(
      program,
      [...args],
      { timeout },
      (error, stdout, stderr) =>
        resume(Effect.succeed({ ok: error === null, stdout, stderr: stderr || (error?.message ?? "") }))
    )
    return Effect.sync(() => child.kill())
  })

export const isOnPath = (program: string): Effect.Effect<boolean> =>
  Effect.map(command("sh", ["-c", "command -v -- \"$1\"", "sh", program]), ({ ok }) => ok)

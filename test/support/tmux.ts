/** A real terminal for a command: tmux, on a server of its own that goes with the scope. */
import { Effect, type Scope } from "effect"
import { execFile, spawnSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { childEnvironment } from "./environment.ts"
import { holdfastFile } from "./holdfastFile.ts"

export const hasTmux = spawnSync("tmux", ["-V"]).status === 0

export interface Pane {
  /** What is on the screen, a line a row, without colors. */
  readonly screen: Effect.Effect<string>
  /** Keys as tmux names them: `r`, `Tab`, `Down`, `C-c`. */
  readonly press: (...keys: ReadonlyArray<string>) => Effect.Effect<void>
  readonly resize: (columns: number, rows: number) => Effect.Effect<void>
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** `holdfast` with these arguments; `then` is typed behind it in the same shell. */
export const inTmux = Effect.fnUntraced(function*(
  args: ReadonlyArray<string>,
  { columns = 80, rows = 24 }: { readonly columns?: number; readonly rows?: number } = {}
): Effect.fn.Return<Pane, never, Scope.Scope> {
  const socket = `holdfast-${randomUUID()}`
  const tmux = (...words: ReadonlyArray<string>) =>
    Effect.callback<string>((resume) => {
      const env = childEnvironment({ TERM: "xterm-256color", LANG: "C.UTF-8" })
      execFile("tmux", ["-L", socket, "-f", "/dev/null", "-u", ...words], { env }, (error, stdout) =>
        resume(error === null ? Effect.succeed(stdout) : Effect.die(error)))
    })
  const command = [process.execPath, holdfastFile, ...args].map(quoted).join(" ")
  // The shell stays, so that what the command leaves on the screen can be seen.
  yield* Effect.acquireRelease(
    tmux(
      "new-session",
      "-d",
      "-x",
      String(columns),
      "-y",
      String(rows),
      `echo before; ${command}; echo "ended with $?"; cat`
    ),
    () => Effect.ignoreCause(tmux("kill-server"))
  )
  return {
    screen: tmux("capture-pane", "-p"),
    press: (...keys) => Effect.asVoid(tmux("send-keys", ...keys)),
    resize: (columns, rows) => Effect.asVoid(tmux("resize-window", "-x", String(columns), "-y", String(rows)))
  }
})

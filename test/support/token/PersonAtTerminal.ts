/** A person who runs `holdfast login` beside a daemon, as a process, and agrees at a browser to what it shows. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Daemon } from "../Daemon.ts"
import { eventually } from "../eventually.ts"
import { launch } from "../Program.ts"
import { browse } from "./BrowserUser.ts"

/** What the command printed, once it ended well. */
export const logIn = Effect.fnUntraced(function*(daemon: Daemon, name: string, ...args: ReadonlyArray<string>) {
  const program = launch(["login", ...args, "--data-dir", daemon.dataDir])
  yield* Effect.addFinalizer(() => Effect.sync(() => program.child.kill("SIGKILL")))
  const url = yield* eventually(
    "an address to open",
    Effect.sync(() => /https?:\/\/\S+\/(?:auth|device)\?\S+/.exec(program.stdout)?.[0] ?? ""),
    (found) => found !== "" || program.child.exitCode !== null
  )
  assert.isNotEmpty(url, program.stderr)
  yield* browse(name, url)
  const ended = yield* Effect.promise(() => program.ended)
  assert.strictEqual(ended.code, 0, program.stderr)
  return program.stdout
})

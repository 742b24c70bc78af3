/**
 * Daemon and relay as one file each, since a process under test is started thousands of times.
 *
 * Not the published files: the daemon has traps in the place of its transport, its SQL and its clock.
 */
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { oneFile } from "../../support/oneFile.ts"

export interface Programs {
  readonly daemon: string
  readonly relay: string
  /** Where Node keeps what it compiled. */
  readonly compileCache: string
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Built once, gone with the scope. */
export const bundle = Effect.gen(function*() {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-crash-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  yield* Effect.promise(() =>
    Promise.all(
      [["daemon", here("daemonProgram.ts")], ["relay", here("../../support/relay/relayProgram.ts")]].map((
        [name = "", entry = ""]
      ) => oneFile(name, entry, join(directory, name)))
    )
  )
  const programs: Programs = {
    daemon: join(directory, "daemon", "daemon.mjs"),
    relay: join(directory, "relay", "relay.mjs"),
    compileCache: join(directory, "compiled")
  }
  return programs
})

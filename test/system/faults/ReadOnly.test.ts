import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { childEnvironment } from "../../support/environment.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { possible } from "./SmallDisk.ts"

/** Starts a daemon on a file system of its own that is read-only, with one empty directory in it. */
const script = `mount -t tmpfs -o mode=700 none "$0" && mkdir -m 700 "$0/there" && mount -o remount,ro "$0" || exit 99
exec "$@"`

const serve = (directory: string, dataDir: string) =>
  Effect.callback<{ readonly code: number | null; readonly said: string }>((resume) => {
    const command = [process.execPath, holdfastFile, "serve", "--relay", "http://127.0.0.1:9/mcp", "--port", "0"]
    const child = spawn("unshare", ["-Urm", "sh", "-c", script, directory, ...command, "--data-dir", dataDir], {
      stdio: ["ignore", "ignore", "pipe"],
      env: childEnvironment()
    })
    let said = ""
    child.stderr.on("data", (chunk) => said += String(chunk))
    child.once("close", (code) => resume(Effect.succeed({ code, said })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("a daemon on a read-only disk", () => {
  it.live.skipIf(!possible)(
    "says so in one message, be its directory there or not, and what to do",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        for (const name of ["there", "new", "new/below"]) {
          const { code, said } = yield* serve(directory, `${directory}/${name}`)
          assert.strictEqual(code, 1, said)
          assert.match(
            said,
            /^holdfast: the data directory \S+ cannot be used: it is on a read-only disk: .*--data-dir\n$/
          )
        }
      })
  )
})

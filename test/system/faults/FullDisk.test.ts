import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { childEnvironment } from "../../support/environment.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { possible } from "./SmallDisk.ts"

/** Fills the disk behind a daemon that serves; then asks for a restart, and starts another daemon on the full disk. */
const script = `mount -t tmpfs -o size=2m,mode=700 none "$0" || exit 99
"$@" serve --relay http://127.0.0.1:9/mcp --port 0 --data-dir "$0/data" < /dev/null > /dev/null 2>&1 &
trap 'kill -9 $!' EXIT
until [ -f "$0/data/endpoint.json" ]; do sleep 0.05; done
cat /dev/zero > "$0/ballast" 2> /dev/null
"$@" restart --data-dir "$0/data" 2>&1
echo "restart $?"
"$@" health --data-dir "$0/data" > /dev/null 2>&1
echo "health $?"
"$@" serve --relay http://127.0.0.1:9/mcp --port 0 --data-dir "$0/other" 2>&1
echo "serve $?"
kill $!
wait`

describe("a full disk", () => {
  it.live.skipIf(!possible)(
    "refuses a restart while the daemon serves on, and a new daemon before it is ready",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const said = yield* Effect.callback<string>((resume) => {
          const child = spawn("unshare", ["-Urm", "sh", "-c", script, directory, process.execPath, holdfastFile], {
            stdio: ["ignore", "pipe", "inherit"],
            env: childEnvironment()
          })
          let said = ""
          child.stdout.on("data", (chunk) => said += String(chunk))
          child.once("close", () => resume(Effect.succeed(said)))
          return Effect.sync(() => child.kill("SIGKILL"))
        })
        const full = "the disk is full: free some space, or name another directory with --data-dir"
        assert.deepStrictEqual(said.trimEnd().split("\n"), [
          `holdfast: the data directory ${directory}/data cannot be used: ${full}`,
          "restart 1",
          "health 0",
          `holdfast: the data directory ${directory}/other cannot be used: ${full}`,
          "serve 1"
        ])
      })
  )
})

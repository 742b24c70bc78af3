/** `.ci/hostile-shell` blames a command for what it leaves behind, and for nothing that another run does meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { childEnvironment } from "../../support/environment.ts"

const sharedMemory = "/dev/shm"
const script = fileURLToPath(new URL("../../../.ci/hostile-shell", import.meta.url))
const environment = new URL("../../support/environment.ts", import.meta.url).href

const hostileShell = (...command: ReadonlyArray<string>) =>
  Effect.callback<{ readonly failed: boolean; readonly stdout: string }>((resume) => {
    const { TEST_MEMORY_DIRECTORY: _memory, TEST_RUN_DIRECTORY: _run, ...env } = childEnvironment()
    execFile(script, command, { env }, (error, stdout) => resume(Effect.succeed({ failed: error !== null, stdout })))
  })

describe.runIf(existsSync(sharedMemory))(".ci/hostile-shell", () => {
  it.live("leaves alone what another run of the tests has in memory", () =>
    Effect.gen(function*() {
      const other = join(sharedMemory, "holdfast-run-of-another")
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(other, { recursive: true, force: true })))
      const { failed, stdout } = yield* hostileShell("mkdir", other)
      assert.strictEqual(stdout, "")
      assert.isFalse(failed)
    }))

  it.live("names what a run of the tests that was killed left there", () =>
    Effect.gen(function*() {
      const killed = `import { memoryDirectory } from "${environment}"
        console.log(memoryDirectory())
        process.kill(process.pid, "SIGKILL")`
      const { failed, stdout } = yield* hostileShell(process.execPath, "--input-type=module", "--eval", killed)
      const [memory = ""] = stdout.split("\n")
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(memory, { recursive: true, force: true })))
      assert.isTrue(failed)
      assert.include(stdout, `LEFT BEHIND  in /dev/shm: ${memory.slice(sharedMemory.length + 1)}\n`)
    }))
})

/** Questions on a terminal: a real one, made by script(1) from util-linux. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { entry } from "../../support/adminDoubles.ts"
import { childEnvironment } from "../../support/environment.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { daemon } from "../../support/Terminal.ts"

/** Types `answer` once the question is on the screen; gives the screen and the exit code. */
const onTerminal = (dataDir: string, answer: string, ...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly screen: string }>((resume) => {
    const words = [process.execPath, holdfastFile, ...args, "--data-dir", dataDir]
    const child = spawn("script", ["--quiet", "--return", "--command", words.join(" "), "/dev/null"], {
      env: childEnvironment({ HOME: dataDir, TERM: "xterm" }),
      stdio: ["pipe", "pipe", "inherit"]
    })
    let screen = ""
    let asked = false
    child.stdout.on("data", (chunk) => {
      screen += String(chunk)
      if (asked || !screen.includes("(y/N)")) return
      asked = true
      child.stdin.write(answer)
    })
    child.once("close", (code) => resume(Effect.succeed({ code, screen })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("outbox discard --all on a terminal", () => {
  it.live("asks, and removes the calls after a yes", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {})])
      const { code, screen } = yield* onTerminal(directory, "y", "outbox", "discard", "--all")
      assert.include(screen, "Remove every pending, held and dead call of all agents for good?")
      assert.include(screen, "discarded: 1")
      assert.strictEqual(code, 0)
    }))

  it.live("removes nothing after a no", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {})])
      const { code, screen } = yield* onTerminal(directory, "n", "outbox", "discard", "--all", "--state", "dead")
      assert.include(screen, "Remove every dead call of all agents for good?")
      assert.include(screen, "nothing was discarded")
      assert.strictEqual(code, 1)
    }))
})

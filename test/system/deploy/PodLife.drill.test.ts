import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { childEnvironment } from "../../support/environment.ts"

const program = fileURLToPath(new URL("podLife.ts", import.meta.url))

const left = () =>
  [tmpdir(), "/tmp"].flatMap((directory) => readdirSync(directory)).filter((name) => name.startsWith("holdfast-pod-"))

const play = Effect.callback<{ readonly code: number | null; readonly output: string }>((resume) => {
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "pipe"], env: childEnvironment() })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output += String(chunk))
  child.once("close", (code) => resume(Effect.succeed({ code, output })))
  return Effect.sync(() => child.kill("SIGTERM"))
})

describe("a pod's life, as docs/deploy plays it", () => {
  it.live(
    "has each record once and in order at the plane, whichever of plane, relay and Holdfast is killed, and leaves nothing behind",
    () =>
      Effect.gen(function*() {
        const before = left()
        const { code, output } = yield* play
        assert.strictEqual(code, 0, output)
        assert.include(output, "everything held")
        assert.deepStrictEqual(left(), before)
      }),
    180_000
  )
})

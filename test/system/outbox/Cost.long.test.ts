import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { childEnvironment } from "../../support/environment.ts"

const bench = fileURLToPath(new URL("../../../bench/outbox.ts", import.meta.url))

describe("an outbox of 100,000 entries", () => {
  it("costs a call at most 1.2 times what an empty one costs, to enqueue and to find the next head", () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [bench], {
      encoding: "utf8",
      env: childEnvironment()
    })
    assert.strictEqual(status, 0, stdout + stderr)
    assert.match(stdout, /^head .* ratio [\d.]+\nenqueue .* ratio [\d.]+$/m)
  }, 300_000)
})

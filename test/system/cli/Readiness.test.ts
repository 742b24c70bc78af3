import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { launch } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

describe("readiness", () => {
  it.live(
    "of a daemon on a fresh data directory comes after its files and its admin API",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const port = yield* freePort
        const dataDir = join(relay.directory, "data")
        const program = yield* Effect.acquireRelease(
          Effect.sync(() => launch(["serve", "--relay", relay.url, "--port", String(port), "--data-dir", dataDir], {})),
          ({ child, ended }) => Effect.promise(() => (child.kill("SIGTERM"), ended))
        )
        yield* Effect.promise(async () => {
          const until = performance.now() + 20_000
          while (performance.now() < until && program.child.exitCode === null) {
            const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then(({ status }) => status, () => 0)
            if (ready === 200) return
            if (ready === 0) await sleep(1)
          }
          throw new Error(`never ready\n${program.stderr}`)
        })
        for (const name of ["admin-secret", "agent-secret", "endpoint.json"]) {
          assert.isTrue(existsSync(join(dataDir, name)), name)
        }
        const { status } = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/api/status`))
        assert.strictEqual(status, 401)
      })
  )
})

/** A token source that is away while the daemon starts: whom it speaks for is known from before, or asked of it later. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, assertQueued, send } from "../../support/drill.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const ada = `${segment({ alg: "none" })}.${segment({ sub: "ada" })}.x`

const stage = Effect.gen(function*() {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-source-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const file = join(directory, "token")
  const relay = yield* TestRelay.start({ tokens: { [ada]: { agent: "ada" } } })
  return {
    relay,
    env: { HOLDFAST_TOKEN_FILE: file },
    holds: (token: string) =>
      Effect.sync(() => {
        writeFileSync(`${file}.new`, token)
        renameSync(`${file}.new`, file)
      }),
    away: Effect.sync(() => rmSync(file))
  }
})

describe("a token source that is away while the daemon starts", () => {
  it.live("leaves the cached list and the queue of whom it spoke for in their hands", () =>
    Effect.gen(function*() {
      const { away, env, holds, relay } = yield* stage
      yield* holds(ada)
      const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      const tools = yield* client.toolNames
      yield* relay.kill
      assertQueued(yield* send(client, "before"))

      yield* away
      yield* daemon.restart()
      const later = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      assert.deepStrictEqual(yield* later.toolNames, tools)
      assertQueued(yield* send(later, "while it is away"))

      yield* holds(ada)
      yield* relay.restart()
      yield* assertLedger(relay, ["before", "while it is away"])
    }))

  it.live(
    "delivers what was accepted before it ever named anybody for whom it names first",
    () =>
      Effect.gen(function*() {
        const { env, holds, relay } = yield* stage
        yield* relay.kill
        const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        assertQueued(yield* send(client, "early"))

        yield* holds(ada)
        yield* relay.restart()
        yield* assertLedger(relay, ["early"])
      })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { officialClients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertLedger, send } from "../../support/drill.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const tokenFile = Effect.acquireRelease(
  Effect.sync(() => join(mkdtempSync(join(tmpdir(), "holdfast-token-")), "token")),
  (file) => Effect.sync(() => rmSync(join(file, ".."), { recursive: true, force: true }))
)

describe("a token that rotates", () => {
  it.live.each(officialClients)("is not noticed by $client", ({ connect }) =>
    Effect.gen(function*() {
      const file = yield* tokenFile
      const write = (token: string) => Effect.sync(() => writeFileSync(file, token))
      yield* write("first")
      const relay = yield* TestRelay.start({ tokens: { first: { agent: "a" } } })
      const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_TOKEN_FILE: file } })
      const client = yield* connect(daemon.url, { secret: daemon.secret })
      yield* send(client, "one")

      yield* write("second")
      yield* relay.control.setTokens({ second: { agent: "a" } })
      yield* send(client, "two")
      yield* client.call("echo", { text: "unseen" })
      yield* assertLedger(relay, ["one", "two"])
      assert.strictEqual(yield* client.wire.initializes, 1)
      assert.deepStrictEqual(yield* client.wire.failures, [])
    }))
})

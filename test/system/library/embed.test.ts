import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { layer, program } from "../../../docs/examples/embed.ts"
import { Database, Holdfast } from "../../../src/index.ts"
import { provenDaemon } from "../../../src/storage/ProvenDaemon.ts"
import { Clients } from "../../support/Clients.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-embed-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe("Holdfast as a library", () => {
  it.live(
    "runs the documented example: a token getter, a context and a menu of the program's own",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ tokens: { secret: { agent: "me" } } })
        const dataDir = yield* directory
        const environment = ConfigProvider.layer(
          ConfigProvider.fromUnknown({ RELAY_URL: relay.url, RELAY_TOKEN: "secret", DATA_DIR: dataDir })
        )
        yield* Effect.gen(function*() {
          yield* program
          const { url } = yield* Holdfast
          const secret = readFileSync(join(dataDir, "agent-secret"), "utf8").trim()
          const client = yield* Clients.sdk(url, { secret })
          assert.include(yield* client.toolNames, "relay_workspace_claim")
          const sent = yield* client.call("relay_send_message", { to: "b", text: "from a library" })
          assert.notStrictEqual(sent.isError, true)
        }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(layer, environment)))
        const [entry] = yield* relay.ledger
        assert.strictEqual(entry?.agent, "me")
      })
  )

  it.live("is a daemon to the command line, also where its database is the program's own", () =>
    Effect.gen(function*() {
      const dataDir = yield* directory
      const settings = { dataDir, relay: { url: "http://127.0.0.1:9/mcp" }, listen: { port: 0 } }
      yield* Effect.gen(function*() {
        const { url } = yield* Holdfast
        assert.strictEqual((yield* provenDaemon(dataDir)).url, url)
      }).pipe(Effect.provide(Holdfast.layer({ settings, database: Database.layerMemory })))
    }))
})

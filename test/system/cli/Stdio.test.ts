import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { stdioClient } from "../../support/StdioClient.ts"

const newTool = (name: string) => ({ name, inputSchema: { type: "object" } }) as const

describe("holdfast stdio", () => {
  it.live.each([{ era: "legacy" }, { era: "modern" }] as const)(
    "is an MCP server that outlives the daemon's restart, list_changed included: $era",
    ({ era }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* stdioClient(daemon.dataDir, era === "modern")
        assert.strictEqual(client.era, era)
        assert.include(yield* client.names, "echo")
        assert.include(yield* client.call("echo", { text: "one\ntwo" }), "one\\\\ntwo")
        yield* eventually("a stream at the relay", relay.control.counts, ({ streams }) => streams > 0)
        yield* Effect.sleep("500 millis")
        yield* relay.control.putTool(newTool("first"))
        yield* eventually("list_changed", Effect.sync(() => client.heard.listChanged), (count) => count > 0)

        yield* daemon.restart()
        assert.include(yield* client.call("echo", { text: "back" }), "back")
        assert.include(yield* client.names, "first")
        const before = client.heard.listChanged
        yield* eventually("a stream again", relay.control.counts, ({ streams }) => streams > 0)
        yield* Effect.sleep("1 second")
        yield* relay.control.putTool(newTool("second"))
        yield* eventually("list_changed", Effect.sync(() => client.heard.listChanged), (count) => count > before)

        yield* relay.kill
        assert.include(yield* client.call("relay_send_message", { to: "b", text: "later" }), "\"queued\":true")
      })
  )

  it.live("starts the daemon where none runs", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const dataDir = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-stdio-"))),
        (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
      )
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          const { pid, supervisor }: { readonly pid: number; readonly supervisor: { readonly pid: number } } = JSON
            .parse(readFileSync(join(dataDir, "endpoint.json"), "utf8"))
          // That first, which would start another one.
          for (const each of [supervisor.pid, pid]) process.kill(each, "SIGKILL")
        })
      )
      const client = yield* stdioClient(dataDir, false, { HOLDFAST_RELAY_URL: relay.url, HOLDFAST_PORT: "0" })
      assert.include(yield* client.call("echo", { text: "hello" }), "hello")
    }))
})

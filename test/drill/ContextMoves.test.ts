import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestRelay } from "../relay/TestRelay.ts"
import { officialClients } from "../support/Clients.ts"
import { Daemon } from "../support/Daemon.ts"

const workspaceTools = (names: ReadonlyArray<string>) => names.filter((name) => name.startsWith("relay_workspace_"))

describe("the menu", () => {
  it.live.each(officialClients)(
    "of $client follows its workspace: Attach shows seven tools, Merge hides them",
    ({ connect }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        yield* client.wire.awaitStream
        assert.deepStrictEqual(workspaceTools(yield* client.toolNames), [])

        const attached = yield* daemon.command("context", "send", "Attach", "--path", "/tmp/w", "--branch", "topic")
        assert.strictEqual(attached.code, 0, attached.stderr)
        yield* client.awaitListChanged(1)
        assert.strictEqual(workspaceTools(yield* client.toolNames).length, 7)

        const merged = yield* daemon.command("context", "send", "Merge")
        assert.strictEqual(merged.code, 0, merged.stderr)
        yield* client.awaitListChanged(2)
        assert.deepStrictEqual(workspaceTools(yield* client.toolNames), [])

        const hidden = yield* client.call("relay_workspace_status")
        assert.notStrictEqual(hidden.isError, true)
        assert.strictEqual(yield* client.listChanged, 2)
      }),
    60_000
  )
})

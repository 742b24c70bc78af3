import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Clients, officialClients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"

const workspaceTools = (names: ReadonlyArray<string>) => names.filter((name) => name.startsWith("relay_workspace_"))

describe("the menu", () => {
  it.live(
    "of any tools follows a fact that the configuration names; what is hidden is still callable",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const env = {
          HOLDFAST_CONTEXT_FACTS: "testing",
          HOLDFAST_MENU_RULES: JSON.stringify([{
            tools: ["echo", "fail*"],
            needs: "testing",
            reason: "for tests alone"
          }])
        }
        const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        yield* client.wire.awaitStream
        assert.notInclude(yield* client.toolNames, "echo")
        assert.include(JSON.stringify(yield* client.call("echo", { text: "still here" })), "still here")
        const shown = yield* daemon.command("tools")
        assert.match(shown.stdout, /echo +hidden: needs testing \(menu rule for echo: for tests alone\)/)

        const unknown = yield* daemon.command("context", "send", "SetFact", "--fact", "tseting")
        assert.strictEqual(unknown.code, 1)
        assert.include(unknown.stderr, "there is testing")
        assert.strictEqual((yield* daemon.command("context", "send", "SetFact")).code, 2)
        const set = yield* daemon.command("context", "send", "SetFact", "--fact", "testing")
        assert.include(set.stdout, "facts: testing")
        yield* client.awaitListChanged(1)
        assert.include(yield* client.toolNames, "echo")
        yield* daemon.command("context", "send", "ClearFact", "--fact", "testing")
        yield* client.awaitListChanged(2)
        assert.notInclude(yield* client.toolNames, "echo")
      })
  )
})

layer(Rig.layer(), { excludeTestServices: true })("the menu", (it) => {
  it.effect.each(officialClients)(
    "of $client follows its workspace: Attach shows seven tools, Merge hides them",
    ({ connect }) =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        yield* client.wire.awaitStream
        assert.deepStrictEqual(workspaceTools(yield* client.toolNames), [])

        const attached = yield* daemon.command("context", "send", "Attach", "--path", "/tmp", "--branch", "topic")
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
      })
  )
})

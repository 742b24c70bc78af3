/** `holdfast tools` at a real daemon before a real relay. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ToolsView } from "../../../src/admin/ToolsView.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const decode = Schema.decodeEffect(Schema.fromJsonString(Schema.toCodecJson(Schema.Array(ToolsView))))

/** A daemon that knows the relay's list, since a client has fetched it. */
const listed = Effect.fnUntraced(function*(env: Record<string, string>) {
  const relay = yield* TestRelay.start()
  const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
  const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
  yield* client.toolNames
  return { relay, daemon, client }
})

describe("holdfast tools", () => {
  it.live("says of each tool whether it is visible and queued, and why", () =>
    Effect.gen(function*() {
      const { daemon } = yield* listed({})
      const { code, stdout } = yield* daemon.command("tools")
      assert.strictEqual(code, 0)
      assert.match(stdout, /relay_send_message +visible; queued: outbox\.bufferable names relay_send_message\n/)
      assert.match(stdout, /relay_inbox +visible; not queued: only reads\n/)
      assert.match(stdout, /fail +visible; not queued: not in outbox\.bufferable\n/)
      assert.match(
        stdout,
        /relay_workspace_land +hidden: needs isolatedWorktree .*\n +not queued, but could be: declares/
      )
      assert.match(stdout, /relay_workspace_claim +hidden: .*\n +not queued: the agent needs the answer \(claim\)\n/)
      assert.notInclude(stdout, "Nothing is queued")
    }))

  it.live(
    "says what to set where nothing is queued; with that setting, calls are queued in an outage",
    () =>
      Effect.gen(function*() {
        const { daemon } = yield* listed({ HOLDFAST_OUTBOX_BUFFERABLE: "chat_*" })
        const { stdout } = yield* daemon.command("tools")
        assert.include(stdout, "Nothing is queued: outbox.bufferable names chat_*;\nthis relay has no such tool.")
        const setting = /HOLDFAST_OUTBOX_BUFFERABLE='([^']+)'/.exec(stdout)?.[1]
        assert.match(setting ?? "", /^relay_send_message,relay_reply,/)
        for (const line of stdout.split("\n").filter((line) => !line.startsWith(" "))) assert.isAtMost(line.length, 80)

        const again = yield* listed({ HOLDFAST_OUTBOX_BUFFERABLE: setting ?? "" })
        yield* again.relay.kill
        const answer = yield* again.client.call("commit_and_die", { text: "kept" })
        assert.include(JSON.stringify(answer), "\"queued\":true")
      })
  )

  it.live("--json is the document of the admin API", () =>
    Effect.gen(function*() {
      const { daemon } = yield* listed({ HOLDFAST_OUTBOX_BUFFERABLE: "relay_*" })
      const [view] = yield* decode((yield* daemon.command("tools", "--json")).stdout)
      const shown = new Map(view?.tools.map((tool) => [tool.name, tool]))
      assert.deepInclude(shown.get("relay_reply"), { visible: true, hiddenBy: null, queued: true, why: "named" })
      assert.deepInclude(shown.get("relay_workspace_land"), { visible: false, queued: true, why: "named" })
      assert.deepInclude(shown.get("commit_and_die"), { visible: true, queued: false, why: "proposable" })
    }))
})

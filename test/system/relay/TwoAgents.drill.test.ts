import { RelayClient } from "@agent-relay/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync } from "node:fs"
import { join } from "node:path"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { socketDouble } from "../../support/relay/SocketPeer.ts"
import { socketRelay } from "../../support/relay/SocketRelay.ts"

/** An agent that speaks by the real sdk. */
const bySdk = (socketPath: string, agentName: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new RelayClient({ socketPath, agentName, quiet: true, reconnect: false })
      const got: Array<{ readonly from: string; readonly body: string; readonly replyTo: string | undefined }> = []
      client.onMessage = (from, { body }, _id, meta) => void got.push({ from, body, replyTo: meta?.replyTo })
      await client.connect()
      return { client, got }
    }),
    ({ client }) => Effect.sync(() => client.destroy())
  )

interface Inbox {
  readonly messages: ReadonlyArray<{ readonly id: string; readonly from: string; readonly text: string }>
}

describe("two agents, one over MCP, one by the sdk over the socket", () => {
  const conversation = (url: string, secret: string, path: string) =>
    Effect.gen(function*() {
      const reviewer = yield* bySdk(path, "reviewer")
      const agent = yield* Clients.sdk(url, { secret })
      assert.includeMembers([...(yield* agent.toolNames)], ["relay_send_message", "relay_reply", "relay_inbox"])
      yield* agent.call("relay_send_message", { to: "reviewer", text: "please look at this" })
      yield* eventually("the message", Effect.sync(() => reviewer.got.length), (count) => count === 1)
      assert.deepInclude(reviewer.got[0], { from: "default", body: "please look at this" })
      yield* Effect.promise(() => reviewer.client.sendAndWait("default", "looks good"))
      const inbox = yield* eventually(
        "the answer",
        Effect.map(agent.call("relay_inbox"), ({ structuredContent }) =>
          (structuredContent as unknown as Inbox).messages),
        (messages) =>
          messages.length > 0
      )
      assert.deepStrictEqual(inbox.map(({ from, text }) => [from, text]), [["reviewer", "looks good"]])
      yield* agent.call("relay_reply", { messageId: inbox[0]?.id, text: "thank you" })
      yield* eventually("the reply", Effect.sync(() => reviewer.got.length), (count) => count === 2)
      assert.deepStrictEqual(reviewer.got[1], { from: "default", body: "thank you", replyTo: inbox[0]?.id })
      const agents = JSON.stringify((yield* agent.call("relay_list_agents")).structuredContent)
      assert.include(agents, `"default"`)
      assert.include(agents, `"reviewer"`)
    })

  it.live("talk through a daemon that reaches the relay by its socket", () =>
    Effect.gen(function*() {
      const relay = yield* socketRelay
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      yield* conversation(daemon.url, daemon.secret, relay.path)
      const status = yield* daemon.command("status")
      assert.include(status.stdout, relay.url)
      assert.strictEqual((yield* daemon.command("doctor")).code, 0)
    }))

  it.live("talk through a daemon whose own relay has the socket", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ args: ["--embedded"], env: { HOLDFAST_EMBEDDED_SOCKET: "true" } })
      yield* conversation(daemon.url, daemon.secret, join(daemon.dataDir, "relay", "relay.sock"))
    }))
})

describe("a relay's socket that is not what it should be", () => {
  it.live("is told by doctor and config check, with what to do: wrong modes, a file left over, no WELCOME", () =>
    Effect.gen(function*() {
      const double = yield* socketDouble((frame) => frame.type === "HELLO")
      const daemon = yield* Daemon.start({
        relayUrl: double.url.href,
        env: { HOLDFAST_RELAY_SOCKET_HANDSHAKE_TIMEOUT: "500 millis" }
      })
      const told = (words: RegExp) =>
        eventually(
          `doctor to say ${words}`,
          Effect.map(daemon.command("doctor"), ({ stdout }) => stdout),
          (output) => words.test(output)
        )
      yield* told(/no WELCOME within 0\.5 s.*do: .*is no such relay, or hangs/)
      chmodSync(double.path, 0o777)
      yield* told(/other users may write to .*do: chmod o-w/)
      const check = yield* Daemon.run(["config", "check"], { HOLDFAST_RELAY_URL: double.url.href })
      assert.match(check.stdout, /socket {4}default: EMODE: other users may write to .*chmod o-w/)
      chmodSync(double.path, 0o600)
      yield* double.stop
      yield* told(/ENOENT.*do: nothing is at|ECONNREFUSED.*do: .*left over/)
    }))
})

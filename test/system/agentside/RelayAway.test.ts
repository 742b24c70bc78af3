import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { type RawAgent, rawAgent, type RawReply } from "../../support/RawAgent.ts"
import type { ToolDefinition } from "../../support/relay/RelayTools.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const changed = "notifications/tools/list_changed"
const tool = (name: string): ToolDefinition => ({ name, inputSchema: { type: "object" } })
const names = ({ answer }: RawReply) => (answer.result?.tools ?? []).map(({ name }) => name)
const list = (agent: RawAgent) => agent.request("tools/list")
const stale = ({ answer }: RawReply) => {
  const meta: unknown = answer.result?.["_meta"]
  return JSON.stringify(meta ?? {}).includes("holdfast/stale") && answer.result?.["ttlMs"] === 0
}

/** A daemon whose relay was never there. */
const relayNeverSeen = Effect.gen(function*() {
  const relay = yield* TestRelay.start()
  yield* relay.kill
  const daemon = yield* Daemon.start({ relayUrl: relay.url })
  return { relay, daemon }
})

describe.concurrent("an agent that connects while the relay is away", () => {
  it.live(
    "is answered with what can be promised of a relay never seen, in the version that it asked for",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* relayNeverSeen
        const { millis, value: agent } = yield* timed(rawAgent(daemon, { version: "2025-06-18" }))
        assert.isBelow(millis, 5000)
        const result = agent.hello.answer.result
        assert.strictEqual(result?.["protocolVersion"], "2025-06-18")
        assert.deepStrictEqual(Object.keys(result?.["capabilities"] ?? {}), [
          "tools",
          "prompts",
          "resources",
          "logging",
          "completions"
        ])
        const future = yield* rawAgent(daemon, { version: "1999-01-01" })
        assert.strictEqual(future.hello.answer.result?.["protocolVersion"], "2025-11-25")

        const empty = yield* timed(list(agent))
        assert.deepStrictEqual(names(empty.value), [])
        assert.isUndefined(empty.value.answer.error)
        assert.isBelow(empty.millis, 4500)
        const codex = yield* rawAgent(daemon, { name: "codex-mcp-client" })
        assert.strictEqual((yield* list(codex)).answer.error?.code, -31002)

        const stream = yield* agent.get()
        yield* relay.restart()
        assert.strictEqual((yield* stream.message).method, changed)
        assert.include(names(yield* list(agent)), "echo")
        const unhidden = names(yield* list(codex))
        assert.include(unhidden, "relay_workspace_claim")
      })
  )

  it.live(
    "is answered with what was last known, also after a restart of ours; the cached list is narrowed",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const before = yield* rawAgent(daemon)
        const fresh = yield* list(before)
        yield* relay.kill
        for (const life of ["first", "second"]) {
          if (life === "second") {
            yield* daemon.kill
            yield* daemon.restart()
          }
          const agent = yield* rawAgent(daemon, { name: "new", capabilities: { sampling: {} } })
          assert.include(agent.hello.text, "A relay to be killed.", life)
          for (const kept of [yield* list(before), yield* list(agent)]) {
            assert.deepStrictEqual(names(kept), names(fresh))
            assert.isTrue(stale(kept))
          }
          const error = (yield* agent.call("echo")).answer.error
          assert.strictEqual(error?.code, -31002)
          assert.strictEqual(error?.data?.["delivery"], "not sent")
          assert.isString(error?.data?.["since"])
          assert.isString(error?.data?.["nextProbeAt"])
        }
      })
  )

  it.live(
    "has nothing of another server that had the same name before",
    () =>
      Effect.gen(function*() {
        const predecessor = yield* TestRelay.start()
        const successor = yield* TestRelay.start()
        yield* successor.kill
        const daemon = yield* Daemon.start({ relayUrl: predecessor.url })
        assert.include(names(yield* list(yield* rawAgent(daemon))), "echo")
        yield* daemon.restart({ relayUrl: successor.url })
        assert.notInclude((yield* daemon.command("tools")).stdout, "relay_send_message")
        const agent = yield* rawAgent(daemon)
        assert.notInclude(agent.hello.text, "A relay to be killed.")
        assert.deepStrictEqual(names(yield* list(agent)), [])

        yield* predecessor.kill
        yield* daemon.restart({ relayUrl: predecessor.url })
        const back = yield* rawAgent(daemon)
        assert.include(back.hello.text, "A relay to be killed.")
        assert.include(names(yield* list(back)), "echo")
      })
  )

  it.live(
    "waits 3 s for a relay that is silent, of which Holdfast itself has known since its start; the late answer is used",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        yield* relay.stop
        const unknown = yield* timed(rawAgent(daemon))
        assert.isAbove(unknown.millis, 2800)
        assert.isBelow(unknown.millis, 7000)
        const early = unknown.value
        assert.isDefined(early.hello.answer.result?.["capabilities"])
        yield* relay.cont
        assert.include((yield* early.call("echo", { text: "late" })).text, "late")
        yield* list(early)

        yield* relay.stop
        const known = yield* timed(rawAgent(daemon, { name: "patient" }))
        assert.isAbove(known.millis, 2800)
        assert.isBelow(known.millis, 7000)
        assert.strictEqual(known.value.hello.status, 200)
        const kept = yield* timed(list(early))
        assert.isTrue(stale(kept.value))
        assert.isBelow(kept.millis, 7000)
        yield* relay.forgetRequests
        yield* relay.cont
        assert.include((yield* known.value.call("echo", { text: "hello" })).text, "hello")
        const opened = (yield* relay.requests).filter(({ body, rpcMethod }) =>
          rpcMethod === "initialize" && body.includes("patient")
        )
        assert.strictEqual(opened.length, 1)
      })
  )

  it.live(
    "hears of the late list where it differs from the kept one, and of nothing where it does not",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        const first = names(yield* list(agent))
        yield* relay.stop
        assert.isTrue(stale(yield* list(agent)))
        yield* relay.cont
        // What was asked meanwhile is answered: the late list is in.
        yield* eventually("a list of now", list(agent), (reply) => !stale(reply))
        yield* relay.control.putTool(tool("unannounced"), false)
        yield* relay.stop
        const held = yield* list(agent)
        assert.isTrue(stale(held))
        assert.deepStrictEqual(names(held), first)
        yield* relay.cont
        const reply = yield* eventually("list_changed", agent.call("echo"), ({ messages }) => messages.length > 1)
        assert.strictEqual(reply.messages[0]?.method, changed)
        assert.include(names(yield* list(agent)), "unannounced")
      })
  )

  it.live(
    "with a token that the relay refuses is answered, and told with its next request, never by HTTP",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start({ tokens: { good: { agent: "a" } } })
        const daemon = yield* Daemon.start({ relayUrl: relay.url, token: "bad-token" })
        const agent = yield* rawAgent(daemon)
        assert.isDefined(agent.hello.answer.result)
        for (
          const reply of [yield* list(agent), yield* agent.call("echo"), yield* agent.call("relay_send_message", {})]
        ) {
          assert.strictEqual(reply.status, 200)
          assert.isUndefined(reply.headers["www-authenticate"])
          assert.isBelow(reply.answer.error?.code ?? 0, -31000)
          assert.notInclude(reply.text, "resource_metadata")
          assert.notInclude(reply.text, "bad-token")
        }
        assert.notInclude((yield* daemon.stdout) + (yield* daemon.stderr), "bad-token")
      })
  )
})

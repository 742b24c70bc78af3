import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Clients, officialClients } from "../../support/Clients.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const send = (text: string, idempotencyKey?: string) => ({
  to: "bob",
  text,
  ...(idempotencyKey === undefined ? {} : { idempotencyKey })
})

describe.each(officialClients)("the test relay, by $client", ({ connect }) => {
  it.effect("lists, calls and writes down what it accepted", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const client = yield* connect(relay.url)
      const names = yield* client.toolNames
      assert.includeMembers([...names], ["relay_send_message", "relay_inbox", "relay_workspace_land", "slow"])
      yield* client.call("relay_send_message", send("one", "k1"))
      yield* client.call("relay_send_message", send("two"), { meta: { "holdfast/idempotencyKey": "k2" } })
      assert.deepStrictEqual(
        (yield* relay.ledger).map((entry) => [entry.tool, entry.key, entry.arguments["text"], entry.agent]),
        [["relay_send_message", "k1", "one", "anonymous"], ["relay_send_message", "k2", "two", "anonymous"]]
      )
      const inbox = yield* client.call("relay_inbox")
      assert.include(JSON.stringify(inbox.structuredContent), "two")
    }))

  it.effect("takes one write per key, over restarts too, unless told not to", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const first = yield* connect(relay.url)
      const once = yield* first.call("relay_send_message", send("one", "k"))
      yield* relay.restart()
      const second = yield* connect(relay.url)
      const again = yield* second.call("relay_send_message", send("one", "k"))
      assert.deepStrictEqual(again.structuredContent, once.structuredContent)
      assert.lengthOf(yield* relay.ledger, 1)
      yield* relay.restart({ dedupe: false })
      const third = yield* connect(relay.url)
      yield* third.call("relay_send_message", send("one", "k"))
      assert.lengthOf(yield* relay.ledger, 2)
    }))

  it.effect.each([404, 400] as const)("answers a lost session by %d", (lostSessionStatus) =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ lostSessionStatus })
      const client = yield* connect(relay.url)
      yield* client.ping
      yield* relay.restart()
      yield* Effect.flip(client.call("echo"))
      assert.deepStrictEqual((yield* client.wire.failures).slice(-1), [lostSessionStatus])
      yield* relay.control.dropSessions
    }))

  it.effect("dies with a write held before its commit, and with one held after it", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const client = yield* connect(relay.url)
      yield* relay.control.hold("before commit")
      const lost = yield* Effect.forkChild(client.call("relay_send_message", send("lost")))
      yield* relay.control.awaitHeld("before commit")
      yield* relay.kill
      yield* Fiber.interrupt(lost)
      assert.lengthOf(yield* relay.ledger, 0)
      yield* relay.restart()
      const next = yield* connect(relay.url)
      yield* relay.control.hold("after commit")
      const kept = yield* Effect.forkChild(next.call("relay_send_message", send("kept")))
      yield* relay.control.awaitHeld("after commit")
      yield* relay.kill
      yield* Fiber.interrupt(kept)
      assert.deepStrictEqual((yield* relay.ledger).map((entry) => entry.arguments["text"]), ["kept"])
    }))

  it.effect("announces a new tool on the stream", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const client = yield* connect(relay.url)
      yield* client.wire.awaitStream
      yield* relay.control.putTool({ name: "fresh", inputSchema: { type: "object" } })
      yield* client.awaitListChanged()
      assert.include(yield* client.toolNames, "fresh")
    }))

  it.effect("sends progress before the answer", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const client = yield* connect(relay.url)
      const heard: Array<number> = []
      const call = yield* Effect.forkChild(
        client.call("stepwise", { steps: 2 }, { onProgress: ({ progress }) => heard.push(progress) })
      )
      yield* relay.control.step
      yield* relay.control.step
      yield* Fiber.join(call)
      assert.deepStrictEqual(heard, [1, 2])
    }))

  it.effect("asks for a token, and shows what its scopes allow", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ tokens: { a: { agent: "alice", scopes: ["messages"] } } })
      const refused = yield* Effect.flip(connect(relay.url, { secret: "b" }))
      assert.isNotEmpty(refused.message)
      const client = yield* connect(relay.url, { secret: "a" })
      assert.notInclude(yield* client.toolNames, "relay_workspace_land")
      yield* relay.control.setTokens({ b: { agent: "alice" } })
      yield* Effect.flip(client.call("echo"))
      const renewed = yield* connect(relay.url, { secret: "b" })
      assert.include(yield* renewed.toolNames, "relay_workspace_land")
      yield* renewed.call("relay_send_message", send("hi"))
      assert.deepStrictEqual((yield* relay.ledger).map((entry) => entry.agent), ["alice"])
    }))
})

describe("the test relay", () => {
  it.effect("speaks the modern era to a client that asks for it", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const client = yield* Clients.client(relay.url, { modern: true })
      yield* client.call("relay_send_message", send("modern", "k"))
      assert.strictEqual(yield* client.wire.initializes, 0)
      assert.lengthOf(yield* relay.ledger, 1)
    }))

  it.effect("answers as a bad day would have it, as often as told", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ answers: "json" })
      const client = yield* Clients.client(relay.url)
      const match = { tool: "relay_send_message" }
      yield* relay.control.answerNext(1, Answer.badGateway, match)
      yield* relay.control.answerNext(1, Answer.afterwards(Answer.garbage), match)
      yield* relay.control.answerNext(1, Answer.half("broken"), match)
      yield* relay.control.answerNext(1, Answer.rpcError(-32602, "no such person"), match)
      yield* Effect.flip(client.call("relay_send_message", send("502")))
      yield* Effect.flip(client.call("relay_send_message", send("garbage")))
      yield* Effect.flip(client.call("relay_send_message", send("half")))
      const refused = yield* Effect.flip(client.call("relay_send_message", send("refused")))
      assert.strictEqual(refused.code, -32602)
      yield* client.call("relay_send_message", send("fine"))
      assert.deepStrictEqual((yield* relay.ledger).map((entry) => entry.arguments["text"]), ["garbage", "half", "fine"])
      assert.strictEqual(yield* relay.busiestMinute("relay_send_message"), 5)
    }))

  it.effect("stands still while stopped, and remembers what came over its lives", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ answers: "json" })
      const client = yield* Clients.sdk(relay.url)
      yield* relay.stop
      const late = yield* Effect.forkChild(client.ping, { startImmediately: true })
      yield* relay.cont
      yield* Fiber.join(late)
      yield* relay.forgetRequests
      yield* relay.control.dieAt("after commit")
      yield* Effect.flip(client.call("relay_send_message", send("last words")))
      yield* relay.exited
      yield* relay.restart()
      assert.deepStrictEqual((yield* relay.requests).map((request) => request.tool), ["relay_send_message"])
      assert.include((yield* relay.requests)[0]?.body, "last words")
    }))

  it.effect("serves prompts, completion, resources and a log beside its tools, with sessions or without", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ sessions: false })
      const ask = (method: string, params: object) =>
        Effect.promise(async () => {
          const response = await fetch(relay.url, {
            method: "POST",
            headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
            body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
          })
          return response.text()
        })
      assert.include(yield* ask("prompts/get", { name: "greet", arguments: { name: "bob" } }), "Hello, bob")
      assert.include(
        yield* ask("completion/complete", {
          ref: { type: "ref/prompt", name: "greet" },
          argument: { name: "name", value: "al" }
        }),
        "\"alice\",\"alan\""
      )
      assert.include(yield* ask("resources/list", {}), "relay://inbox")
      assert.include(yield* ask("resources/read", { uri: "relay://inbox" }), "application/json")
      assert.include(yield* ask("tools/call", { name: "log", arguments: { text: "careful" } }), "notifications/message")
      assert.strictEqual((yield* Effect.promise(() => fetch(relay.url))).status, 405)
    }))

  it.effect("resumes a stream by its event ids, where told to number them", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start({ resumable: true })
      const client = yield* Clients.sdk(relay.url)
      const session = (yield* client.sessionId) ?? ""
      yield* client.call("whoami")
      const replayed = yield* Effect.promise(async (signal) => {
        const headers = { accept: "text/event-stream", "mcp-session-id": session }
        // Each POST's stream begins with an event of its own; the second one was the call's.
        const response = await fetch(relay.url, { headers: { ...headers, "last-event-id": "e2" }, signal })
        const first = await response.body?.getReader().read()
        return Buffer.from(first?.value ?? []).toString("utf8")
      })
      assert.include(replayed, "id: e3")
      assert.include(replayed, session)
    }))
})

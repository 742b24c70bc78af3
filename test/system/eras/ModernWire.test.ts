import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { type Received, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { answerIn, envelope, open, post, request } from "./RawModern.ts"

const errorOf = (text: string): { readonly code: number; readonly data?: Record<string, unknown> } =>
  JSON.parse(text).error

describe("the modern era on the wire", () => {
  it.live(
    "refuses what its headers and its envelope do not agree on, with the codes of the revision",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        yield* relay.forgetRequests
        const call = request("tools/call", { name: "echo", arguments: {} })
        const other = { ...envelope, "io.modelcontextprotocol/protocolVersion": "2099-01-01" }
        const { "io.modelcontextprotocol/clientCapabilities": _, ...lacking } = envelope
        const bare = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
        const unknown = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: other } })
        const cases = [
          [400, -32602, "tools/list", bare, {}],
          [400, -32602, "tools/list", request("tools/list", { _meta: lacking }), {}],
          [400, -32022, "tools/list", unknown, { "mcp-protocol-version": "2099-01-01" }],
          [400, -32020, "tools/list", request("tools/list"), { "mcp-protocol-version": "2025-11-25" }],
          [400, -32020, "tools/list", request("tools/list"), { "mcp-protocol-version": undefined }],
          [400, -32020, "tools/list", request("tools/list"), { "mcp-method": undefined }],
          [400, -32020, "tools/call", request("tools/list"), {}],
          [400, -32020, "tools/call", call, {}],
          [400, -32020, "tools/call", call, { "mcp-name": "whoami" }],
          [400, -32020, "tools/call", call, { "mcp-name": "=?base64?!?=" }],
          [404, -32601, "initialize", request("initialize"), {}],
          [404, -32601, "ping", request("ping"), {}]
        ] as const
        for (const [status, code, method, body, headers] of cases) {
          const said = yield* post(daemon, method, body, headers)
          assert.deepStrictEqual([said.status, errorOf(said.text).code], [status, code], `${method} ${body}`)
        }
        assert.deepStrictEqual(
          errorOf((yield* post(daemon, "tools/list", unknown, { "mcp-protocol-version": "2099-01-01" })).text).data,
          { supported: ["2026-07-28"], requested: "2099-01-01" }
        )
        const nobody = (yield* relay.requests).filter(({ rpcMethod }) => rpcMethod === "tools/call")
        assert.lengthOf(nobody, 0)
        const encoded = `=?base64?${Buffer.from("echo").toString("base64")}?=`
        const fine = yield* post(daemon, "tools/call", call, {
          "mcp-name": encoded,
          "mcp-param-region": "=?base64?w7w=?="
        })
        assert.strictEqual(fine.status, 200)
        const seen = (yield* relay.requests).find(({ rpcMethod }) => rpcMethod === "tools/call")
        assert.strictEqual(seen?.body, call)
        assert.strictEqual(seen?.headers["mcp-name"], encoded)
        assert.strictEqual(seen?.headers["mcp-param-region"], "=?base64?w7w=?=")
        assert.strictEqual(seen?.headers["mcp-session-id"], undefined)
      })
  )

  it.live("says what it narrowed is private, and that it tells of changes", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const list = JSON.parse(answerIn(yield* post(daemon, "tools/list", request("tools/list"))))
      assert.strictEqual(list.result.cacheScope, "private")
      assert.strictEqual(list.result.resultType, "complete")
      const discovered = JSON.parse(answerIn(yield* post(daemon, "server/discover", request("server/discover"))))
      assert.isTrue(discovered.result.capabilities.tools.listChanged)
      assert.deepStrictEqual(discovered.result.supportedVersions, ["2026-07-28"])
      yield* relay.kill
      const kept = JSON.parse(answerIn(yield* post(daemon, "tools/list", request("tools/list"))))
      assert.deepStrictEqual(kept.result.tools, list.result.tools)
      assert.deepInclude(kept.result, { resultType: "complete", cacheScope: "private", ttlMs: 0 })
      const known = JSON.parse(answerIn(yield* post(daemon, "server/discover", request("server/discover"))))
      assert.deepInclude(known.result, { capabilities: discovered.result.capabilities, ttlMs: 0 })
      const queued = JSON.parse(answerIn(
        yield* post(
          daemon,
          "tools/call",
          request("tools/call", { name: "relay_send_message", arguments: { to: "b", text: "late" } }),
          { "mcp-name": "relay_send_message" }
        )
      ))
      assert.isTrue(queued.result.structuredContent.queued)
      assert.strictEqual(queued.result.resultType, "complete")
    }))

  it.live(
    "acknowledges a subscription first, and stamps what follows with its request's id",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        yield* post(daemon, "tools/list", request("tools/list"))
        const notifications = { toolsListChanged: true, resourceSubscriptions: ["relay://inbox"] }
        const messages: Array<Record<string, unknown>> = []
        yield* Effect.promise(async (signal) => {
          const body = request("subscriptions/listen", { notifications }, "mine-\u00fc")
          const response = await open(daemon, "subscriptions/listen", body, {}, signal)
          assert.strictEqual(response.headers.get("x-accel-buffering"), "no")
          let text = ""
          for await (const chunk of response.body ?? []) {
            text += Buffer.from(chunk).toString()
            const events = text.split("\n\n")
            text = events.pop() ?? ""
            for (const event of events) {
              assert.notInclude(event, "id: ")
              if (event.startsWith("data: ")) messages.push(JSON.parse(event.slice("data: ".length)))
            }
          }
        }).pipe(Effect.forkChild)
        yield* eventually("the acknowledgement", Effect.sync(() => messages.length), (count) => count === 1)
        assert.deepInclude(messages[0], { method: "notifications/subscriptions/acknowledged" })
        assert.deepStrictEqual(messages[0]?.["params"], {
          notifications,
          _meta: { "io.modelcontextprotocol/subscriptionId": "mine-\u00fc" }
        })
        yield* eventually("the relay's subscription", relay.control.counts, ({ streams }) => streams > 0)
        yield* Effect.sleep("300 millis")
        yield* relay.control.resourceUpdated("relay://other")
        yield* relay.control.resourceUpdated("relay://inbox")
        yield* eventually("the update", Effect.sync(() => messages.length), (count) => count === 2)
        assert.deepStrictEqual(messages[1]?.["params"], {
          uri: "relay://inbox",
          _meta: { "io.modelcontextprotocol/subscriptionId": "mine-\u00fc" }
        })
        yield* relay.control.putTool({ name: "new", inputSchema: { type: "object" } })
        yield* eventually("the change of tools", Effect.sync(() => messages.length), (count) => count === 3)
        assert.deepInclude(messages[2], { method: "notifications/tools/list_changed" })
        yield* daemon.terminate
        yield* eventually("the end", Effect.sync(() => messages.length), (count) => count === 4)
        assert.deepInclude(messages[3], { id: "mine-\u00fc" })
      })
  )

  it.live("closes the call at the relay when the agent closes its response, where a setting says that this takes it back", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_RESULTS_ON_CLOSE: "cancel" } })
      const closing = new AbortController()
      const call = request("tools/call", {
        name: "slow",
        arguments: { millis: 60_000, steps: 600 },
        _meta: { ...envelope, progressToken: 1 }
      })
      const gone = open(daemon, "tools/call", call, { "mcp-name": "slow" }, closing.signal).then(
        (response) => response.text(),
        () => {}
      )
      yield* eventually("the call's stream", relay.control.counts, ({ streams }) => streams === 1)
      closing.abort()
      yield* Effect.promise(() => gone.catch(() => {}))
      yield* eventually("the relay's stream closed", relay.control.counts, ({ streams }) => streams === 0)
    }))

  it.live(
    "passes on what it does not know, to the byte: state, unknown members, big integers",
    () =>
      Effect.gen(function*() {
        const state = "opaque \\u0000 \u00e9\\ud800"
        const answers: Array<string> = []
        const relay = yield* scriptedRelay((seen: Received, response) => {
          const answer = seen.rpc === "server/discover"
            ? `{"jsonrpc":"2.0","id":${seen.id},"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"public"}}`
            : `{ "result":{"requestState":"${state}", "resultType" : "input_required","n":12345678901234567890,"inputRequests":{}},"id":${seen.id},"jsonrpc":"2.0"}`
          answers.push(answer)
          response.writeHead(200, { "content-type": "application/json" }).end(answer)
        })
        const daemon = yield* Daemon.start({ relayUrl: relay.url.href })
        const meta = JSON.stringify(envelope)
        const body =
          `{"method":"tools/call", "id": 98765432109876543210,"jsonrpc":"2.0","params":{"name":"x","requestState":"${state}","inputResponses":{},"_meta":${meta},"z":1e400}}`
        const said = yield* post(daemon, "tools/call", body, { "mcp-name": "x" })
        assert.strictEqual(relay.received.findLast(({ rpc }) => rpc === "tools/call")?.body, body)
        assert.strictEqual(said.text, answers.at(-1))
      })
  )
})

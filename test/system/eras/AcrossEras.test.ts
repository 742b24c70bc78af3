import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertQueued } from "../../support/drill.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { event, handshake, type Received, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"
import { Rig } from "../../support/Rig.ts"
import { callsOf } from "./callsOf.ts"
import { answerIn, envelope, post, request } from "./RawModern.ts"

const logLevel = "io.modelcontextprotocol/logLevel"

const located = {
  name: "located",
  inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } }
} as const
const inBase64 = `=?base64?${Buffer.from("\u00fc").toString("base64")}?=`

const discovered = { supportedVersions: ["2026-07-28"], capabilities: { tools: {} }, resultType: "complete", ttlMs: 0 }

layer(Rig.layer({ relay: { era: "legacy" } }), { excludeTestServices: true })(
  "between an agent of the modern era and a relay of the legacy one",
  (it) => {
    it.effect(
      "log messages reach an agent without a session from the level on that its request names, and no others",
      () =>
        Effect.gen(function*() {
          const { daemon } = yield* Rig
          const messages = (level: string | undefined) =>
            Effect.map(
              post(
                daemon,
                "tools/call",
                request("tools/call", {
                  name: "log",
                  arguments: { text: "a warning" },
                  _meta: level === undefined ? envelope : { ...envelope, [logLevel]: level }
                }),
                { "mcp-name": "log" }
              ),
              ({ text }) => text.split("\"notifications/message\"").length - 1
            )
          assert.strictEqual(yield* messages(undefined), 0)
          assert.strictEqual(yield* messages("error"), 0)
          assert.strictEqual(yield* messages("warning"), 1)
          assert.strictEqual(yield* messages("debug"), 1)
        })
    )

    it.effect("as many calls as an agent likes that the relay asks nothing about", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const able = { ...envelope, "io.modelcontextprotocol/clientCapabilities": { elicitation: {}, roots: {} } }
        const call = request("tools/call", { name: "echo", arguments: {}, _meta: able })
        for (let made = 0; made < 250; made++) {
          const answer = JSON.parse(answerIn(yield* post(daemon, "tools/call", call, { "mcp-name": "echo" })))
          assert.isDefined(answer.result, `call ${made}: ${JSON.stringify(answer.error)}`)
        }
      }))

    it.effect("a list that repeats is the same each time, in the form of its agent's era", () =>
      Effect.gen(function*() {
        const { daemon } = yield* Rig
        const list = Effect.map(
          post(daemon, "tools/list", request("tools/list", { _meta: envelope })),
          (reply): Record<string, unknown> => JSON.parse(answerIn(reply)).result
        )
        const first = yield* list
        assert.strictEqual(first["resultType"], "complete")
        assert.isNotEmpty(first["tools"])
        assert.deepStrictEqual(yield* list, first)
        assert.deepStrictEqual(yield* list, first)
      }))

    it.effect(
      "an agent without a session goes on over a relay that loses its sessions for good, and finds them again",
      () =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          const client = yield* Clients.client(daemon.url, { secret: daemon.secret, modern: true })
          for (const era of ["legacy", "modern", "legacy"] as const) {
            yield* relay.restart({ era })
            assert.include(JSON.stringify(yield* client.call("echo", { text: era })), era)
          }
          assert.deepStrictEqual(yield* client.wire.failures, [])
        })
    )
  }
)

layer(
  Rig.layer({
    relay: { era: "modern", extraTools: [located] },
    daemon: { env: { HOLDFAST_OUTBOX_BUFFERABLE: "located" } }
  }),
  { excludeTestServices: true }
)("between an agent of the legacy era and a relay of the modern one", (it) => {
  it.effect("a list that repeats is the same each time, without what only the modern era knows", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const list = Effect.map(agent.request("tools/list"), ({ answer }) => answer.result)
      const first = yield* list
      assert.isNotEmpty(first?.tools)
      assert.notProperty(first, "resultType")
      assert.notProperty(first, "ttlMs")
      assert.deepStrictEqual(yield* list, first)
      assert.deepStrictEqual(yield* list, first)
    }))

  it.effect("the level that a session sets is what its requests name from then on", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const logs = Effect.map(agent.call("log", { text: "a warning" }), ({ messages }) =>
        messages.filter(({ method }) => method === "notifications/message").length)
      yield* agent.request("logging/setLevel", { level: "error" })
      assert.strictEqual(yield* logs, 0)
      yield* agent.request("logging/setLevel", { level: "info" })
      assert.strictEqual(yield* logs, 1)
      const levels = (yield* callsOf(relay, "log", 2)).map(({ body }) =>
        JSON.parse(body).params._meta[logLevel]
      )
      assert.deepStrictEqual(levels, ["error", "info"])
    }))

  it.effect(
    "parameters that a tool wants mirrored are, live, queued and after a restart of Holdfast",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        yield* client.toolNames
        yield* client.call("located", { region: "\u00fc" })
        yield* relay.kill
        assertQueued(yield* client.call("located", { region: "\u00fc" }))
        yield* daemon.restart()
        yield* relay.restart()
        for (const { headers } of yield* callsOf(relay, "located", 2)) {
          assert.strictEqual(headers["mcp-name"], "located")
          assert.strictEqual(headers["mcp-param-region"], inBase64)
        }
      })
  )
})

describe("between an agent of one era and a relay of the other", () => {
  it.live(
    "a question that the relay puts all the same is refused to it, and its call goes on",
    () =>
      Effect.gen(function*() {
        const relay = yield* scriptedRelay((seen: Received, response) => {
          if (handshake(seen, response, "s")) return
          if (seen.rpc !== "tools/call") return void response.writeHead(seen.rpc === "" ? 202 : 404).end()
          response.writeHead(200, { "content-type": "text/event-stream" })
          response.write(event({ jsonrpc: "2.0", id: 5, method: "sampling/createMessage", params: {} }))
          const goOn = setInterval(() => {
            const refusal = relay.received.find(({ body }) => body.includes("\"error\"") && body.includes("\"id\":5"))
            if (refusal === undefined) return
            clearInterval(goOn)
            response.end(
              event({ jsonrpc: "2.0", id: JSON.parse(seen.id), result: { content: [], told: refusal.body } })
            )
          }, 10)
        })
        const daemon = yield* Daemon.start({ relayUrl: relay.url.href })
        const said = yield* post(daemon, "tools/call", request("tools/call", { name: "x" }), { "mcp-name": "x" })
        assert.notInclude(said.text, "sampling/createMessage\",\"params")
        const { error } = JSON.parse(JSON.parse(answerIn(said)).result.told)
        assert.strictEqual(error.code, -32601)
        assert.match(error.message, /sampling\/createMessage cannot be asked of this client/)
      })
  )

  it.live(
    "input that the relay requires all the same is told as an error that says what it is",
    () =>
      Effect.gen(function*() {
        const relay = yield* scriptedRelay(({ id, rpc }, response) => {
          const result = rpc === "server/discover" ? discovered : { resultType: "input_required", inputRequests: {} }
          response.writeHead(rpc === "initialize" ? 400 : 200, { "content-type": "application/json" })
          const said = rpc === "initialize" ? { error: { code: -32022, message: "unsupported" } } : { result }
          response.end(JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(id), ...said }))
        })
        const daemon = yield* Daemon.start({ relayUrl: relay.url.href })
        const agent = yield* rawAgent(daemon)
        const { answer, status } = yield* agent.call("x")
        assert.strictEqual(status, 200)
        assert.match(answer.error?.message ?? "", /asked for input, and did not say which/)
      })
  )
})

/** What stands in a model's context of a relay's tools: for whom rules hide some, and that it stays the same text. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as JsonText from "../../../src/domain/JsonText.ts"
import { Daemon } from "../../support/Daemon.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { handshake, json, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"
import { answerIn, envelope, post, request as modernRequest } from "../eras/RawModern.ts"

const tool = (name: string, more = "") => `{"name":"${name}", "inputSchema":{"type":"object"}${more}}`

/** A relay that gives its tools in another order each time. */
const shuffling = Effect.gen(function*() {
  let tools = ["a", "b", "c", "relay_workspace_claim"].map((name) => tool(name))
  let listed = 0
  const server = yield* scriptedRelay((request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end()
    if (handshake(request, response, "s1")) return
    if (request.rpc.startsWith("notifications/")) return void response.writeHead(202).end()
    if (request.rpc !== "tools/list") {
      return json(response, 200, { jsonrpc: "2.0", id: JSON.parse(request.id), result: {} })
    }
    const turn = ++listed % tools.length
    const items = [...tools.slice(turn), ...tools.slice(0, turn)]
    response.writeHead(200, { "content-type": "application/json" })
      .end(`{"jsonrpc":"2.0","id":${request.id},"result":{"tools":[${items.join(" , ")}]}}`)
  })
  return {
    url: server.url.href,
    set: (next: ReadonlyArray<string>) => Effect.sync(() => void (tools = [...next])),
    away: Effect.sync(() => void (server.script = (_request, response) => void response.destroy()))
  }
})

const textIn = (answer: string) => JsonText.at(answer, ["result", "tools"])
const namesIn = (answer: string) =>
  JsonText.elements(answer, ["result", "tools"]).map((item) => JSON.parse(item).name).toSorted().join()

const modernList = (daemon: Daemon, name: string) =>
  Effect.map(
    post(
      daemon,
      "tools/list",
      modernRequest("tools/list", {
        _meta: { ...envelope, "io.modelcontextprotocol/clientInfo": { name, version: "1" } }
      })
    ),
    answerIn
  )

describe.concurrent("the text of a menu", () => {
  it.live(
    "is the same as long as nothing changed: in each session and era, over restarts, and while the relay is away",
    () =>
      Effect.gen(function*() {
        const relay = yield* shuffling
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const list = Effect.flatMap(
          rawAgent(daemon),
          (agent) => Effect.map(agent.request("tools/list"), ({ text }) => text)
        )
        const first = textIn(yield* list)
        assert.isString(first)
        for (let round = 0; round < 5; round++) assert.strictEqual(textIn(yield* list), first)
        assert.strictEqual(textIn(yield* modernList(daemon, "raw")), first)
        yield* daemon.restart()
        for (let round = 0; round < 3; round++) assert.strictEqual(textIn(yield* list), first)
        assert.strictEqual(textIn(yield* modernList(daemon, "raw")), first)

        // A tool that changed is given as it is, and that is the text from then on.
        const changed = ["a", "b", "c"].map((name) => tool(name, name === "b" ? `,"title":"B"` : ""))
        yield* relay.set(changed)
        const second = textIn(yield* list)
        assert.include(second, changed[1])
        assert.strictEqual(textIn(yield* list), second)
        yield* relay.away
        yield* daemon.restart()
        assert.strictEqual(textIn(yield* list), second)
      }),
    60_000
  )

  it.live(
    "has all tools for a client that searches them by itself, unless narrowing is asked for",
    () =>
      Effect.gen(function*() {
        const relay = yield* shuffling
        const all = "a,b,c,relay_workspace_claim"
        const narrowed = "a,b,c"
        const seen = { auto: [all, narrowed], always: [narrowed, narrowed], never: [all, all] }
        for (const [narrow, expected] of Object.entries(seen)) {
          const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_MENU_NARROW: narrow } })
          for (const [index, name] of ["claude-code", "another"].entries()) {
            const agent = yield* rawAgent(daemon, { name })
            assert.strictEqual(namesIn((yield* agent.request("tools/list")).text), expected[index], `${narrow} ${name}`)
            assert.strictEqual(namesIn(yield* modernList(daemon, name)), expected[index], `${narrow} ${name}, modern`)
          }
        }
      }),
    60_000
  )
})

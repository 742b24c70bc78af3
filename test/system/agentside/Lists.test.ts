import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ServerResponse } from "node:http"
import * as JsonText from "../../../src/domain/JsonText.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { type RawAgent, rawAgent } from "../../support/RawAgent.ts"
import { handshake, json, type Received, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"

const changed = "notifications/tools/list_changed"

/** Definitions as no serializer of ours would write them. */
const send =
  `{"outputSchema":{"type":"object"} , "name":"relay_send_message","x-unknown":{"b":1,"a":12345678901234567890},`
  + `"inputSchema":{"type":"object","properties":{"idempotencyKey":{"type":"string"}}}}`
const sendShown = `{"name":"relay_send_message","x-unknown":{"b":1,"a":12345678901234567890},`
  + `"inputSchema":{"type":"object","properties":{"idempotencyKey":{"type":"string"}}}}`
const read =
  `{"name":"read","zeta":1e400,"alpha":[1.0,-0,9007199254740993],"title":"\\u00e9\\/","outputSchema":{"type":"object"},`
  + `"inputSchema":{"type":"object"}}`
const hidden = `{"name":"relay_workspace_claim","inputSchema":{"type":"object"}}`
const more = `{"name":"more","inputSchema":{"type":"object"}}`

/** A relay whose list has the pages that it is given, and which answers everything else. */
const pagedRelay = Effect.gen(function*() {
  let pages: ReadonlyArray<ReadonlyArray<string>> = [[send, read], [hidden, more]]
  let bad: ((request: Received, response: ServerResponse) => boolean) | undefined
  const server = yield* scriptedRelay((request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end()
    if (bad?.(request, response) === true) return
    if (handshake(request, response, "s1")) return
    if (request.rpc === "tools/list") {
      const cursor = Number(JsonText.at(request.body, ["params", "cursor"])?.replaceAll("\"", "") ?? "0")
      const next = cursor + 1 < pages.length ? `,"nextCursor":"${cursor + 1}"` : ""
      return void response.writeHead(200, { "content-type": "application/json" }).end(
        `{"jsonrpc":"2.0","id":${request.id},"result":{"zz":1.50,"tools":[${
          pages[cursor]?.join(", ")
        }]${next},"_meta":{"k":1}}}`
      )
    }
    if (request.rpc.startsWith("notifications/")) return void response.writeHead(202).end()
    json(response, 200, { jsonrpc: "2.0", id: JSON.parse(request.id), result: {} })
  })
  return {
    url: server.url.href,
    set: (next: typeof pages) => Effect.sync(() => void (pages = next)),
    lists: Effect.sync(() => server.received.filter(({ rpc }) => rpc === "tools/list").length),
    turn: (next: typeof bad) => Effect.sync(() => void (bad = next))
  }
})

const page = (agent: RawAgent, cursor?: string) => agent.request("tools/list", cursor === undefined ? {} : { cursor })
const toolsOf = (text: string) => JsonText.elements(text, ["result", "tools"])

const slowDown = (request: Received, response: ServerResponse): boolean => {
  if (request.rpc !== "tools/list") return false
  response.writeHead(429, { "retry-after": "3" }).end("slow down")
  return true
}

describe.concurrent("tools/list", () => {
  it.live(
    "passes definitions on byte by byte, page by page, but for what is hidden and the outputSchema of what may be queued",
    () =>
      Effect.gen(function*() {
        const relay = yield* pagedRelay
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        const first = yield* page(agent)
        assert.deepStrictEqual(toolsOf(first.text), [sendShown, read])
        assert.include(first.text, `{"zz":1.50,"tools":[`)
        assert.include(first.text, `"_meta":{"k":1}`)
        assert.strictEqual(first.answer.result?.["nextCursor"], "1")
        const second = yield* page(agent, "1")
        assert.deepStrictEqual(toolsOf(second.text), [more])
        assert.notProperty(second.answer.result, "nextCursor")
      })
  )

  it.live(
    "gives a list that repeats byte for byte, under each request's own id, and one that differs by a byte at once",
    () =>
      Effect.gen(function*() {
        const relay = yield* pagedRelay
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        const list = (id: string, cursor: string) =>
          agent.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/list","params":{${cursor}}}`)
        const lists = (id: string) =>
          Effect.map(
            Effect.all([list(id, ""), list(id, `"cursor":"1"`)]),
            (replies) =>
              replies.map(({ headers, text }) => {
                assert.strictEqual(headers["content-length"], String(Buffer.byteLength(text)))
                return text
              })
          )
        const first = yield* lists("1")
        for (const id of ["12345", `"é\\""`, "1"]) {
          const expected = first.map((text) => text.replace(`"id":1,`, () => `"id":${id},`))
          assert.deepStrictEqual(yield* lists(id), expected)
        }
        const changed = more.replace("more", "mOre")
        yield* relay.set([[send, read], [hidden, changed]])
        const [same, other] = yield* lists("1")
        assert.strictEqual(same, first[0])
        assert.strictEqual(other, first[1]?.replace(more, changed))
      })
  )

  it.live(
    "answers the cached list as one page, and says nothing of a list that is the same",
    () =>
      Effect.gen(function*() {
        const relay = yield* pagedRelay
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        yield* page(agent)
        yield* page(agent, "1")
        yield* relay.turn((request, response) => {
          if (request.rpc !== "tools/list") return false
          response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>")
          return true
        })
        const kept = yield* page(agent)
        assert.deepStrictEqual(toolsOf(kept.text), [sendShown, read, more])
        assert.include(JSON.stringify(kept.answer.result?.["_meta"]), "holdfast/stale")
        assert.strictEqual(kept.answer.result?.["ttlMs"], 0)
        yield* relay.turn(undefined)
        const lists = yield* relay.lists
        yield* eventually(
          "another look at the list",
          Effect.andThen(agent.request("ping"), relay.lists),
          (n) => n > lists + 1
        )
        assert.strictEqual((yield* agent.request("ping")).messages.length, 1)
      })
  )

  it.live(
    "answers the cached list where the relay asks to slow down, and the relay's own words where none is cached",
    () =>
      Effect.gen(function*() {
        const relay = yield* pagedRelay
        yield* relay.turn(slowDown)
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const none = yield* page(yield* rawAgent(daemon))
        assert.strictEqual(none.answer.error?.code, -31002)
        assert.include(none.text, "slow down (429)")
        yield* relay.turn(undefined)
        const before = yield* rawAgent(daemon)
        yield* page(before)
        yield* page(before, "1")
        yield* relay.turn(slowDown)
        const kept = yield* page(yield* rawAgent(daemon))
        assert.deepStrictEqual(toolsOf(kept.text), [sendShown, read, more])
        assert.include(JSON.stringify(kept.answer.result?.["_meta"]), "holdfast/stale")
      })
  )

  it.live(
    "gives an agent that read a page before the relay failed the rest, and keeps no list of which it saw only a part",
    () =>
      Effect.gen(function*() {
        const relay = yield* pagedRelay
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        yield* page(agent)
        yield* page(agent, "1")
        yield* page(agent, "1")
        yield* daemon.kill
        yield* daemon.restart()
        yield* page(agent, "1")
        yield* page(agent)
        yield* relay.turn((request, response) => {
          if (request.rpc !== "tools/list") return false
          response.writeHead(503).end()
          return true
        })
        assert.deepStrictEqual(toolsOf((yield* page(agent, "1")).text), [more])
        assert.deepStrictEqual(toolsOf((yield* page(agent)).text), [sendShown, read, more])
      })
  )

  it.live(
    "is announced after a kept answer when the relay, which was up all the time, has another list",
    () =>
      Effect.gen(function*() {
        const relay = yield* pagedRelay
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        yield* page(agent)
        yield* page(agent, "1")
        const stream = yield* agent.get()
        yield* stream.next
        yield* relay.turn((request, response) => {
          if (request.rpc !== "tools/list") return false
          response.writeHead(502).end()
          return true
        })
        yield* relay.set([[read]])
        assert.strictEqual(toolsOf((yield* page(agent)).text).length, 3)
        yield* relay.turn(undefined)
        assert.strictEqual((yield* stream.message).method, changed)
        assert.deepStrictEqual(toolsOf((yield* page(agent)).text), [read])
      })
  )

  it.live(
    "of a relay that never answers it is empty after 5 s, and announced once the relay does",
    () =>
      Effect.gen(function*() {
        const relay = yield* pagedRelay
        yield* relay.turn((request) => request.rpc === "tools/list")
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* rawAgent(daemon)
        const started = performance.now()
        const empty = yield* page(agent)
        assert.isBelow(performance.now() - started, 9000)
        assert.deepStrictEqual(toolsOf(empty.text), [])
        assert.isUndefined(empty.answer.error)
        yield* relay.turn(undefined)
        const stream = yield* agent.get()
        assert.strictEqual((yield* stream.message).method, changed)
        yield* eventually("the list", page(agent), ({ text }) => toolsOf(text).length > 0)
      })
  )
})

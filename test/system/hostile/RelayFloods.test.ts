import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ServerResponse } from "node:http"
import { timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { holdfast } from "../../support/InProcess.ts"
import { type RawAgent, rawAgent } from "../../support/RawAgent.ts"
import { json, type Received } from "../../support/relay/ScriptedRelay.ts"
import { endlessly, hostileRelay, sseHead } from "./HostileRelay.ts"

const MiB = 1024 * 1024

const notice = (data: string) =>
  `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${data}"}}\n\n`
const changed = `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n`
const question = (id: string) => `data: {"jsonrpc":"2.0","id":"${id}","method":"roots/list"}\n\n`

const flooding = Effect.fnUntraced(function*(chunk: string) {
  const state = { bytes: 0, closed: Promise.withResolvers<void>() }
  const relay = yield* hostileRelay({
    special: ({ method }, response) => {
      if (method !== "GET") return false
      Object.assign(state, { get: endlessly(response, sseHead, chunk) })
      return true
    }
  })
  const daemon = yield* holdfast(relay.url)
  return { relay, daemon, state: state as typeof state & { get?: { bytes: number } } }
})

const served = (agent: RawAgent) =>
  Effect.gen(function*() {
    const { millis, value } = yield* timed(agent.call("good"))
    assert.isDefined(value.answer.result)
    return millis
  })

describe("a relay that floods its own stream", () => {
  for (
    const [what, chunk] of [
      ["messages", notice("x".repeat(10_000)).repeat(6)],
      ["small messages", notice("x").repeat(500)],
      ["list_changed", changed.repeat(500)],
      ["questions", question("q").repeat(500)],
      ["what is no message", "data: nonsense\n\n".repeat(500)]
    ] as const
  ) {
    it.live(`with ${what} holds up nobody: an agent that does not read, and another, which does`, () =>
      Effect.gen(function*() {
        const { daemon, relay, state } = yield* flooding(chunk)
        const victim = yield* rawAgent(daemon)
        yield* victim.request("tools/list")
        const other = yield* rawAgent(daemon, { name: "other" })
        yield* victim.unreadStream
        yield* eventually("the flood", Effect.sync(() => state.get?.bytes ?? 0), (bytes) => bytes > 4 * MiB)
        const times = yield* Effect.all(Array.from({ length: 10 }, () => served(other)))
        const own = yield* served(victim)
        assert.isBelow(Math.max(...times, own), 3000)
        const lists = relay.received.filter(({ rpc }) => rpc === "tools/list").length
        assert.isBelow(lists, 40)
      }))
  }
})

describe("a relay whose list has no end", () => {
  const endless = (size: number) => ({ body, id, rpc }: Received, response: ServerResponse): boolean => {
    if (rpc !== "tools/list") return false
    const cursor = Number(JSON.parse(body).params?.cursor ?? 0)
    const tools = [{ name: `tool-${cursor}`, description: "x".repeat(size), inputSchema: { type: "object" } }]
    json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: { tools, nextCursor: `${cursor + 1}` } })
    return true
  }
  const asked = (received: ReadonlyArray<Received>) => received.filter(({ rpc }) => rpc === "tools/list").length

  it.live("is asked for a hundred pages at most when Holdfast reads it by itself", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay({ special: endless(10) })
      const daemon = yield* holdfast(relay.url)
      assert.isAtMost(asked(relay.received), 100)
      yield* served(yield* rawAgent(daemon))
    }))

  it.live("is asked for 16 MiB at most", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay({ special: endless(MiB) })
      const daemon = yield* holdfast(relay.url, { link: { fallbackAfter: "10 seconds" } })
      assert.isAtMost(asked(relay.received), 17)
      yield* served(yield* rawAgent(daemon))
    }))
})

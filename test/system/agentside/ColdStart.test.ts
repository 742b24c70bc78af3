/** Holdfast and its relay start together, or the relay later: what an agent that is there first is told. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { answerIn, listening, post, request } from "../eras/RawModern.ts"

const lists = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates"
} as const

const changes = ["prompts", "resources", "tools"].map((kind) => `notifications/${kind}/list_changed`)

/** What holding a list for the link would take. */
const hold = 4500

const resultOf = (text: string): Record<string, unknown> => JSON.parse(text).result

/** A daemon whose relay was never there. */
const neverSeen = Effect.gen(function*() {
  const relay = yield* TestRelay.start()
  yield* relay.kill
  return { relay, daemon: yield* Daemon.start({ relayUrl: relay.url }) }
})

describe.concurrent("where nobody ever had a list", () => {
  it.live(
    "a session is answered each one empty at once, and told of each that the relay has as soon as that is there",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* neverSeen
        const listener = yield* rawAgent(daemon)
        const stream = yield* listener.get()
        const caller = yield* rawAgent(daemon)
        for (const agent of [listener, caller]) {
          for (const [method, items] of Object.entries(lists)) {
            const { millis, value } = yield* timed(agent.request(method))
            assert.deepStrictEqual(value.answer.result?.[items], [], method)
            assert.isBelow(millis, hold, method)
          }
        }
        yield* relay.restart()
        const told: Array<string | undefined> = []
        while (told.length < changes.length) told.push((yield* stream.message).method)
        assert.deepStrictEqual(told.toSorted(), changes)
        assert.lengthOf((yield* listener.request("prompts/list")).answer.result?.["prompts"] as Array<unknown>, 1)

        // One without a stream, ahead of its answers; nothing twice.
        const heard: Array<string | undefined> = []
        const look = Effect.map(caller.call("echo", { text: "x" }), ({ messages }) => {
          heard.push(...messages.flatMap(({ method }) => method ?? []))
          return heard
        })
        yield* eventually("the calls bring the news", look, (all) => all.length >= changes.length)
        yield* look
        assert.deepStrictEqual(heard.toSorted(), changes)
      }),
    60_000
  )

  it.live("an agent of the modern era is, too", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* neverSeen
      const greeting = resultOf(answerIn(yield* post(daemon, "server/discover", request("server/discover"))))
      const wanted = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }
      assert.deepStrictEqual(Object.keys(greeting["capabilities"] as object).slice(0, 3), [
        "tools",
        "prompts",
        "resources"
      ])
      const { heard } = yield* listening(daemon, wanted)
      for (const [method, items] of Object.entries(lists)) {
        const { millis, value } = yield* timed(post(daemon, method, request(method)))
        assert.deepStrictEqual(resultOf(answerIn(value))[items], [], method)
        assert.isBelow(millis, hold, method)
      }
      yield* relay.restart()
      const all = yield* eventually("all is told", heard, (text) => changes.every((change) => text.includes(change)))
      for (const change of changes) assert.lengthOf(all.split(change), 2, change)
    }), 60_000)

  it.live(
    "a client that would keep an empty list for ever still waits, and is told that it is not known",
    () =>
      Effect.gen(function*() {
        const { daemon } = yield* neverSeen
        const codex = yield* rawAgent(daemon, { name: "codex-mcp-client" })
        assert.strictEqual((yield* codex.request("prompts/list")).answer.error?.code, -31002)
      }),
    60_000
  )
})

describe.concurrent("where only Holdfast itself has seen the relay", () => {
  it.live(
    "agents of both eras are told what that said of itself, and its tools; not at another URL",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const tools = Effect.map(daemon.command("tools"), ({ stdout }) => stdout)
        yield* eventually("Holdfast has listed the tools", tools, (text) => text.includes("relay_send_message"))
        yield* relay.kill
        yield* daemon.restart()

        const legacy = yield* rawAgent(daemon)
        assert.include(legacy.hello.text, "A relay to be killed.")
        assert.include(JSON.stringify((yield* legacy.request("tools/list")).answer), "relay_send_message")
        const greeting = answerIn(yield* post(daemon, "server/discover", request("server/discover")))
        assert.include(greeting, "A relay to be killed.")

        yield* daemon.restart({ relayUrl: "http://127.0.0.1:9/mcp" })
        assert.notInclude((yield* rawAgent(daemon)).hello.text, "A relay to be killed.")
      }),
    60_000
  )
})

/**
 * Nothing of 16 MiB or less holds others up for more than 250 ms of computing time (docs/security.md). Looked at is a real
 * daemon's main thread, while another agent asks. It measures, so it belongs to the long tests, and wants a machine of its
 * own: `npm run test:long -- Holds`.
 */
import { assert, layer, type Vitest } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Daemon } from "../../support/Daemon.ts"
import { nextId, rawAgent } from "../../support/RawAgent.ts"
import type { Received } from "../../support/relay/ScriptedRelay.ts"
import { MiB } from "./Beside.ts"
import { hostileRelay } from "./HostileRelay.ts"

const maxMillis = 250
const size = 15.8 * MiB
const manyOf = (part: string, length: number): string => part.repeat(Math.floor(length / part.length))

/** A value of that length, of each shape that takes a reader long. */
const shapes: Readonly<Record<string, (length: number) => string>> = {
  "numbers": (length) => `[${manyOf("1,", length)}1]`,
  "nested arrays": (length) => manyOf("[", length / 2) + manyOf("]", length / 2),
  "empty strings": (length) => `[${manyOf("\"\",", length)}1]`,
  "a string of escaped quotes": (length) => `"${manyOf("\\\"", length)}"`,
  "a string of backslashes": (length) => `"${manyOf("\\\\", length)}"`,
  "space": (length) => `[${" ".repeat(length)}]`,
  "an object of many keys": (length) =>
    `{${Array.from({ length: Math.floor(length / 13) }, (_, index) => `"k${index}":1`).join(",")}}`,
  "90,000 long texts": (length) => `[${manyOf(`"${"x".repeat(Math.floor(length / 90_000) - 4)}",`, length - 9)}1]`
}

const each = (count: number, make: (index: number) => string): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => make(index))

/** Lists of tools that are as long as they can be, and taken for lists. */
const lists: Readonly<Record<string, string>> = {
  "9,000 tools": `[${
    each(
      9000,
      (index) => `{"name":"t${index}","description":"${"d".repeat(size / 9000 - 80)}","inputSchema":{"type":"object"}}`
    ).join(",")
  }]`,
  "9,000 tools with spaces between them": `[${
    each(9000, (index) => `{"name":"t${index}"}`).join(`,${" ".repeat(size / 9000 - 25)}`)
  }]`,
  "9,000 tools of spaces": `[${
    each(9000, (index) => `{${" ".repeat(size / 9000 - 25)}"name":"t${index}"}`).join(",")
  }]`,
  "a tool of spaces": `[{"name":"t","x":[${" ".repeat(size - 100)}]}]`,
  "a tool of escapes": `[{"name":"t","x":"${"\\\"".repeat(size / 2 - 100)}"}]`,
  "70 tools of escapes": `[${
    each(70, (index) => `{"name":"t${index}","x":"${"\\\"".repeat(size / 140 - 50)}"}`).join(",")
  }]`,
  "a tool of objects of long keys": `[{"name":"t","x":[${
    each(45, () => `{${each(999, (index) => `"${"k".repeat(330)}${index}":1`).join(",")}}`).join(",")
  }]}]`,
  "a tool that is nested 190 levels deep": `[{"name":"t","x":${"{\"a\":".repeat(190)}"${"x".repeat(size - 3000)}"${
    "}".repeat(190)
  }}]`
}

interface Stage {
  readonly daemon: Daemon
  readonly agent: Effect.Success<ReturnType<typeof rawAgent>>
  readonly other: Effect.Success<ReturnType<typeof rawAgent>>
  readonly relay: Effect.Success<ReturnType<typeof hostileRelay>>
  readonly turnsFile: string
}

class Holds extends Context.Service<Holds, Stage>()("holdfast/test/Holds") {
  static readonly layerOf = (env: Readonly<Record<string, string>> = {}) =>
    Layer.effect(
      Holds,
      Effect.gen(function*() {
        const relay = yield* hostileRelay()
        const turnsFile = join(process.env["TMPDIR"] ?? "/tmp", `turns-${Object.keys(env).join()}`)
        writeFileSync(turnsFile, "")
        const daemon = yield* Daemon.start({
          relayUrl: relay.url.href,
          env: {
            ...env,
            NODE_OPTIONS: `--import ${new URL("../../support/turns.ts", import.meta.url).href}`,
            TURNS_FILE: turnsFile
          }
        })
        const agent = yield* rawAgent(daemon)
        const other = yield* rawAgent(daemon)
        yield* agent.request("tools/list")
        return { relay, daemon, agent, other, turnsFile }
      })
    )
}

const sample = "1,".repeat(8 * MiB)

/** How much longer the same work takes here and now than on a machine of 2024 with nothing else to do. */
const slowness = (): number => {
  const before = process.threadCpuUsage()
  let commas = 0
  for (let at = 0; at < sample.length; at++) if (sample.charCodeAt(at) === 0x2c) commas++
  const { system, user } = process.threadCpuUsage(before)
  assert.strictEqual(commas, 8 * MiB)
  return Math.max(1, (user + system) / 1000 / 25)
}

/** The longest that the main thread was busy at a stretch while `work` ran and another agent asked. */
const longestTurn = ({ other, turnsFile }: Stage, work: Effect.Effect<unknown>) =>
  Effect.gen(function*() {
    yield* Effect.promise(() => sleep(100))
    writeFileSync(turnsFile, "")
    const state = { going: true }
    const calls = Effect.gen(function*() {
      let answered = 0
      while (state.going) {
        const { answer, text } = yield* other.request("ping")
        assert.isDefined(answer.result, text)
        answered++
      }
      return answered
    })
    const done = Effect.andThen(work, Effect.promise(() => sleep(100))).pipe(
      Effect.andThen(Effect.sync(() => state.going = false))
    )
    const [answered] = yield* Effect.all([calls, done], { concurrency: "unbounded" })
    assert.isAbove(answered, 0)
    return Math.max(0, ...readFileSync(turnsFile, "utf8").split("\n").map(Number))
  })

/** A busy machine is asked again: the shortest of a few says what the work takes. */
const holdsNobody = (
  stage: Stage,
  work: Effect.Effect<unknown>,
  triesLeft = 6
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const before = slowness()
    const millis = yield* longestTurn(stage, work)
    const bound = maxMillis * Math.max(before, slowness())
    if (millis <= bound) return
    if (triesLeft === 0) {
      assert.fail(`others waited for ${millis.toFixed(0)} ms, ${bound.toFixed(0)} ms are allowed here`)
    }
    yield* holdsNobody(stage, work, triesLeft - 1)
  })

const json = { "content-type": "application/json" }

const answers: Readonly<Record<string, (text: string) => (request: Received, response: ServerResponse) => void>> = {
  "a call's answer in JSON": (text) => ({ id }, response) =>
    void response.writeHead(200, json).end(`{"jsonrpc":"2.0","id":${id},"result":{"content":${text}}}`),
  "a call's answer in a stream": (text) => ({ id }, response) =>
    void response.writeHead(200, { "content-type": "text/event-stream" })
      .end(`data: {"jsonrpc":"2.0","id":${id},"result":{"content":${text}}}\n\n`),
  "structuredContent": (text) => ({ id }, response) =>
    void response.writeHead(200, json)
      .end(`{"jsonrpc":"2.0","result":{"content":[],"structuredContent":${text}},"id":${id}}`)
}

const listsHoldNobody = (it: Vitest.MethodsNonLive<Holds>) => {
  for (const [name, text] of Object.entries(lists)) {
    it.effect(`behind a list: ${name}`, () =>
      Effect.gen(function*() {
        const stage = yield* Holds
        let asked = 0
        stage.relay.state.special = ({ id, rpc }, response) => {
          if (rpc !== "tools/list") return false
          // Another one each time: the same list again is not read again.
          const changed = `{"jsonrpc":"2.0","id":${id},"result":{"asked":${asked++},"tools":${text}}}`
          response.writeHead(200, json).end(changed)
          return true
        }
        yield* holdsNobody(stage, stage.agent.request("tools/list"))
        stage.relay.state.special = () => false
      }))
  }
}

layer(Holds.layerOf(), { excludeTestServices: true })("others wait for no more than 250 ms", (it) => {
  for (const [shape, make] of Object.entries(shapes)) {
    for (const [form, answer] of Object.entries(answers)) {
      it.effect(`behind ${form}: ${shape}`, () =>
        Effect.gen(function*() {
          const stage = yield* Holds
          stage.relay.state.evil = answer(make(size))
          for (const tool of ["evil_read", "relay_send_message"]) {
            yield* holdsNobody(
              stage,
              Effect.map(
                stage.agent.call(tool, { to: "b", text: String(nextId()) }),
                ({ status }) => assert.strictEqual(status, 200)
              )
            )
          }
        }))
    }

    it.effect(`behind a list: ${shape}`, () =>
      Effect.gen(function*() {
        const stage = yield* Holds
        const text = make(size)
        stage.relay.state.special = ({ id, rpc }, response) => {
          if (rpc !== "tools/list") return false
          response.writeHead(200, json).end(`{"jsonrpc":"2.0","id":${id},"result":{"tools":${text}}}`)
          return true
        }
        yield* holdsNobody(stage, stage.agent.request("tools/list"))
        stage.relay.state.special = () => false
      }))

    it.effect(`behind an agent's request of 4 MiB: ${shape}`, () =>
      Effect.gen(function*() {
        const stage = yield* Holds
        const text = make(3.9 * MiB)
        const call = (tool: string) =>
          stage.agent.post(
            `{"jsonrpc":"2.0","id":${nextId()},"method":"tools/call","params":{"name":"${tool}","arguments":{"x":${text}}}}`
          )
        stage.relay.state.evil = answers["a call's answer in JSON"]?.("[]") ?? stage.relay.state.evil
        yield* holdsNobody(stage, Effect.andThen(call("good"), call("relay_send_message")))
      }))
  }

  listsHoldNobody(it)
})

layer(Holds.layerOf({ HOLDFAST_RELAY_PIN_TOOLS: "true" }), { excludeTestServices: true })(
  "others wait for no more than 250 ms, with pinned tools,",
  (it) => listsHoldNobody(it)
)

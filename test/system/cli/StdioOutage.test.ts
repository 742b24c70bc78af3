import { assert, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { eventually } from "../../support/eventually.ts"
import { initialize } from "../../support/RawAgent.ts"
import { rawStdio } from "../../support/rawStdio.ts"
import type { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"
import { stdioClient } from "../../support/StdioClient.ts"
import { stdioCommand } from "../../support/stdioCommand.ts"

const call = (id: number, name: string, args: object = {}) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args }
})

const underWay = (relay: TestRelay) =>
  eventually("the call at the relay", relay.control.counts, ({ inFlight }) => inFlight > 0)

layer(Rig.layer(), { excludeTestServices: true })("holdfast stdio, whose daemon dies", (it) => {
  it.effect("is told each step of a call ahead of its answer, as long as it lives", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const stdio = yield* rawStdio(stdioCommand(daemon.dataDir))
      yield* stdio.say(initialize())
      yield* eventually("the session", stdio.answers, ({ size }) => size >= 1)
      const slow = call(1, "slow", { millis: 3, steps: 3 })
      yield* stdio.say({ ...slow, params: { ...slow.params, _meta: { progressToken: "p" } } })
      yield* eventually("the answer", stdio.answers, (answers) => answers.has(1))
      const told = (yield* stdio.said).slice(1).map(({ id, params }) => params?.progress ?? id)
      assert.deepStrictEqual(told, [1, 2, 3, 1])
    }))

  it.effect.each(
    [
      { era: "legacy", answers: "json" },
      { era: "legacy", answers: "sse" },
      { era: "modern", answers: "sse" }
    ] as const
  )(
    "ends a call under way with what is known of it, and goes on: $era, answered by $answers",
    ({ answers, era }) =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        yield* relay.restart({ answers })
        const client = yield* stdioClient(daemon.dataDir, era === "modern")
        const calling = yield* Effect.forkChild(Effect.flip(client.call("silent", {})))
        yield* underWay(relay)
        yield* daemon.kill
        const listing = yield* Effect.forkChild(client.names)
        yield* daemon.restart()
        const { message } = yield* Fiber.join(calling).pipe(Effect.timeout("10 seconds"))
        assert.match(message, /may have been carried out/)
        assert.include(yield* Fiber.join(listing), "echo")
        assert.include(yield* client.call("echo", { text: "back" }), "back")
      })
  )

  it.effect("answers every request of a batch, also where the connection breaks under it", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const stdio = yield* rawStdio(stdioCommand(daemon.dataDir))
      yield* stdio.say(initialize({ version: "2025-03-26" }))
      const answered = (count: number) => eventually(`${count} answers`, stdio.answers, ({ size }) => size >= count)
      yield* answered(1)
      yield* stdio.say([call(1, "echo", { text: "one" }), call(2, "echo", { text: "two" })])
      assert.include(JSON.stringify((yield* answered(3)).get(2)), "two")
      yield* stdio.say([call(3, "silent"), call(4, "silent")])
      yield* underWay(relay)
      yield* daemon.kill
      const answers = yield* answered(5)
      for (const id of [3, 4]) assert.match(answers.get(id).error.message, /may have been carried out/)
    }))
})

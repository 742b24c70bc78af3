import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { taskClient } from "../../support/TaskClient.ts"
import { tasksRelay } from "../conformance/TasksRelay.ts"
import { answerIn, envelope, listening, post, request } from "./RawModern.ts"

class Front extends Context.Service<Front, Daemon>()("holdfast/test/RelayTasksFront") {
  static readonly layer = Layer.effect(Front, Effect.flatMap(tasksRelay, (relayUrl) => Daemon.start({ relayUrl })))
}

const extension = "io.modelcontextprotocol/tasks"
const declaring = { ...envelope, "io.modelcontextprotocol/clientCapabilities": { extensions: { [extension]: {} } } }

layer(Front.layer, { excludeTestServices: true, timeout: "60 seconds" })("Tasks of the relay", (it) => {
  it.effect("pass to a client that declares the extension: made, asked for, answered, cancelled", () =>
    Effect.gen(function*() {
      const client = yield* taskClient(yield* Front)
      const slow = yield* Effect.promise(() => client.callTool("slow_compute", { seconds: 1, label: "x" }))
      if (slow.kind !== "task") return assert.fail("it is no task")
      assert.notInclude(slow.handle.taskId, "holdfast")
      const done = yield* Effect.promise(() => slow.settle())
      assert.strictEqual(done.outcome.status, "completed")
      assert.include(JSON.stringify(done.outcome), "computed x")

      const asking = yield* Effect.promise(() => client.callTool("confirm_delete", { filename: "f" }))
      if (asking.kind !== "task") return assert.fail("it is no task")
      const task = client.task(asking.handle.taskId)
      yield* eventually(
        "its question",
        Effect.promise(() => task.snapshot()),
        ({ status }) => status === "input_required"
      )
      yield* Effect.promise(() => task.updateJson({ confirm: { action: "accept", content: { confirm: "yes" } } }))
      assert.include(JSON.stringify((yield* Effect.promise(() => task.result())).status), "completed")

      const long = yield* Effect.promise(() => client.callTool("slow_compute", { seconds: 60 }))
      yield* Effect.promise(() => long.cancel())
      assert.strictEqual((yield* Effect.promise(() => long.settle())).outcome.status, "cancelled")
    }))

  it.effect("are told of on the listen stream that names them, and no others", () =>
    Effect.gen(function*() {
      const daemon = yield* Front
      const call = (label: string) =>
        Effect.gen(function*() {
          const params = { name: "slow_compute", arguments: { seconds: 60, label }, _meta: declaring }
          const said = yield* post(daemon, "tools/call", request("tools/call", params), { "mcp-name": "slow_compute" })
          return JSON.parse(answerIn(said)).result.taskId as string
        })
      const cancel = (taskId: string) =>
        post(daemon, "tasks/cancel", request("tasks/cancel", { taskId, _meta: declaring }), { "mcp-name": taskId })
      const [named, other] = [yield* call("named"), yield* call("other")]
      const { heard } = yield* listening(daemon, { taskIds: [named] }, declaring)
      yield* cancel(other)
      yield* eventually(
        "the change",
        Effect.andThen(cancel(named), heard),
        (text) => text.includes("\"notifications/tasks\"")
      )
      const text = yield* heard
      assert.include(text, named)
      assert.notInclude(text, other)
      assert.include(text, "\"cancelled\"")
    }))
})

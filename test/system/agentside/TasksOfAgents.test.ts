import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../../support/eventually.ts"
import { rpcError, tooManyRequests } from "../../support/relay/Answer.ts"
import { Rig } from "../../support/Rig.ts"
import { listeningTaskClient, taskClient } from "../../support/TaskClient.ts"
import { answerIn, envelope, listening, post, request } from "../eras/RawModern.ts"

const extension = "io.modelcontextprotocol/tasks"
const declaring = { ...envelope, "io.modelcontextprotocol/clientCapabilities": { extensions: { [extension]: {} } } }

/** The answer of the daemon to a request of a client that declares the extension, unless told. */
const ask = Effect.fnUntraced(function*(method: string, params: Record<string, unknown>, meta: object = declaring) {
  const { daemon } = yield* Rig
  const name = params["name"] ?? params["taskId"]
  const headers = name === undefined ? {} : { "mcp-name": String(name) }
  return JSON.parse(answerIn(yield* post(daemon, method, request(method, { ...params, _meta: meta }), headers)))
})

const write = (text: string, meta: object = declaring) =>
  ask("tools/call", { name: "relay_send_message", arguments: { to: "bob", text } }, meta)

const get = (taskId: string) => Effect.map(ask("tasks/get", { taskId }), ({ result }) => result)

const written = Effect.fnUntraced(function*(text: string) {
  const { relay } = yield* Rig
  return (yield* relay.ledger).filter((entry) => entry.arguments["text"] === text)
})

/** Calls of `silent` that the relay has heard of. */
const silentCalls = Effect.gen(function*() {
  const { relay } = yield* Rig
  return (yield* relay.requests).filter(({ rpcMethod, tool }) => rpcMethod === "tools/call" && tool === "silent").length
})

const settled = (execution: { readonly settle: () => Promise<{ readonly outcome: unknown }> }) =>
  Effect.promise(async () => (await execution.settle()).outcome as Readonly<Record<string, unknown>>)

layer(Rig.layer({ daemon: { env: { HOLDFAST_STREAMS_ANSWER_PROGRESS: "300 millis" } } }), {
  excludeTestServices: true,
  timeout: "60 seconds"
})("Tasks of Holdfast's own", (it) => {
  it.effect("a queued write is a task that outlives agent, Holdfast and relay, and ends with the relay's result", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      yield* relay.kill
      const reference = yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* taskClient(daemon)
        const execution = yield* Effect.promise(() =>
          client.callTool("relay_send_message", { to: "bob", text: "while away" })
        )
        if (execution.kind !== "task") return assert.fail("it is no task")
        const view = yield* Effect.promise(() => client.task(execution.handle.taskId).snapshot())
        assert.strictEqual(view.status, "working")
        return execution.serializeReference()
      }))
      yield* daemon.restart()
      const client = yield* taskClient(daemon)
      const execution = yield* Effect.promise(() => client.resumeTask(reference))
      yield* relay.restart()
      const outcome = yield* settled(execution)
      assert.deepInclude(outcome, { status: "completed" })
      const sent = yield* written("while away")
      assert.lengthOf(sent, 1)
      assert.include(JSON.stringify(outcome), sent[0]!.id)
    }))

  it.effect("a queued write that is cancelled is never sent; the same call again is the same task", () =>
    Effect.gen(function*() {
      const { relay } = yield* Rig
      yield* relay.kill
      const meta = { ...declaring, "claudecode/toolUseId": `toolu_${"c".repeat(20)}` }
      const { result: created } = yield* write("cancelled", meta)
      assert.deepInclude(created, { resultType: "task", status: "working", ttlMs: null })
      assert.strictEqual((yield* write("cancelled", meta)).result.taskId, created.taskId)
      const { result: kept } = yield* write("kept")
      assert.deepStrictEqual((yield* ask("tasks/cancel", { taskId: created.taskId })).result, {
        resultType: "complete"
      })
      assert.deepInclude(yield* get(created.taskId), { status: "cancelled", taskId: created.taskId })
      yield* relay.restart()
      const done = yield* eventually("the task's end", get(kept.taskId), ({ status }) => status !== "working")
      assert.deepInclude(done, { status: "completed" })
      assert.strictEqual(done.result.resultType, "complete")
      assert.isNumber(done.ttlMs)
      assert.lengthOf(yield* written("kept"), 1)
      assert.deepStrictEqual(yield* written("cancelled"), [])
      // An end is an end.
      yield* ask("tasks/cancel", { taskId: kept.taskId })
      assert.deepInclude(yield* get(kept.taskId), { status: "completed" })
    }))

  it.effect("a call that went quiet is a task, whose client gets the relay's one answer by asking for it", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const client = yield* taskClient(daemon)
      const before = yield* silentCalls
      const execution = yield* Effect.promise(() => client.callTool("silent", { millis: 1500 }))
      assert.strictEqual(execution.kind, "task")
      const outcome = yield* settled(execution)
      assert.deepInclude(outcome, { status: "completed" })
      assert.strictEqual(yield* silentCalls, before + 1)
      // Who has asked for it need not be told.
      const { result } = yield* ask("tools/call", { name: "fail", arguments: { text: "x" } })
      assert.lengthOf(result.content, 1)
    }))

  it.effect("a quiet call that is cancelled ends at the relay, too", () =>
    Effect.gen(function*() {
      const { relay } = yield* Rig
      const streams = Effect.map(relay.control.counts, ({ streams }) => streams)
      const before = yield* streams
      const call = { name: "stepwise", arguments: { steps: 2 } }
      yield* relay.control.step
      const { result: task } = yield* ask("tools/call", call, { ...declaring, progressToken: 1 })
      assert.strictEqual(task.status, "working")
      assert.strictEqual(yield* streams, before + 1)
      yield* ask("tasks/cancel", { taskId: task.taskId })
      assert.deepInclude(yield* get(task.taskId), { status: "cancelled" })
      yield* eventually("the end of its stream", streams, (now) => now === before)
      assert.deepInclude(yield* get(task.taskId), { status: "cancelled" })
    }))

  it.effect("a quiet call that a crash of Holdfast cut off has failed, and says that it may have been carried out", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const { result: task } = yield* ask("tools/call", { name: "silent", arguments: { millis: 60_000 } })
      yield* daemon.restart()
      const failed = yield* eventually("its end", get(task.taskId), ({ status }) => status !== "working")
      assert.deepInclude(failed, { status: "failed" })
      assert.strictEqual(failed.error.data.delivery, "unknown")
    }))

  it.effect("a client that listens for its tasks is told of their ends, at once of one that has ended already", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      yield* relay.kill
      const { listen, session, told } = yield* listeningTaskClient(daemon)
      const call = (text: string) => Effect.promise(() => session.callTool("relay_send_message", { to: "bob", text }))
      const idsTold = Effect.map(told, (all) => all.map(({ taskId }) => taskId))
      const [kept, cancelled, unnamed] = [
        yield* call("listened for"),
        yield* call("taken back"),
        yield* call("unnamed")
      ]
      if (kept.kind !== "task" || cancelled.kind !== "task" || unnamed.kind !== "task") return assert.fail("no task")
      const ids = [kept.handle.taskId, cancelled.handle.taskId]
      yield* listen(ids)

      yield* Effect.promise(() => cancelled.cancel())
      yield* eventually("the cancelled one", idsTold, (all) => all.length > 0)
      yield* relay.restart()
      yield* eventually("the other one", idsTold, (all) => all.length > 1)
      const [first, second] = yield* told
      assert.deepInclude(first, { taskId: ids[1], status: "cancelled" })
      const { resultType: _resultType, _meta: _gotMeta, ...got } = yield* get(ids[0]!)
      const { _meta, ...rest } = second!
      assert.deepStrictEqual(rest, got)
      assert.strictEqual(got.status, "completed")
      yield* settled(unnamed)

      // A client that lost its stream, to a restart of Holdfast say, listens again.
      yield* daemon.restart()
      const again = yield* listeningTaskClient(daemon)
      yield* again.listen(ids)
      yield* eventually("both", again.told, (all) => all.length === 2)
    }))

  it.effect("a quiet call that ends, or fails with a crash of Holdfast, is told of to who listens for it", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const { listen, session, told } = yield* listeningTaskClient(daemon)
      const call = (millis: number) => Effect.promise(() => session.callTool("silent", { millis }))
      const [short, long] = [yield* call(1500), yield* call(60_000)]
      if (short.kind !== "task" || long.kind !== "task") return assert.fail("no task")
      yield* listen([short.handle.taskId, long.handle.taskId])
      const [done] = yield* eventually("its end", told, (all) => all.length > 0)
      assert.deepInclude(done, { taskId: short.handle.taskId, status: "completed" })
      yield* daemon.restart()
      const again = yield* listeningTaskClient(daemon)
      yield* again.listen([long.handle.taskId])
      const [failed] = yield* eventually("its failure", again.told, (all) => all.length > 0)
      assert.deepInclude(failed, { taskId: long.handle.taskId, status: "failed" })
      assert.include(String(failed!["statusMessage"]), "may have been carried out")
    }))

  it.effect("a letter that the relay refuses is a failed task with the relay's words", () =>
    Effect.gen(function*() {
      const { relay } = yield* Rig
      yield* relay.control.answerNext(1, tooManyRequests(1), { rpcMethod: "tools/call" })
      yield* relay.control.answerNext(1, rpcError(-32602, "nobody is called bob"), { rpcMethod: "tools/call" })
      const { result: task } = yield* write("refused")
      const failed = yield* eventually("its end", get(task.taskId), ({ status }) => status !== "working")
      assert.deepInclude(failed, { status: "failed" })
      assert.include(failed.error.message, "nobody is called bob")
    }))

  it.effect("who does not declare the extension sees nothing of it, and no other agent has the task", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const offered = (yield* ask("server/discover", {})).result.capabilities
      assert.deepStrictEqual(offered.extensions[extension], {})
      const plain = (yield* ask("server/discover", {}, envelope)).result.capabilities
      assert.isUndefined(plain.extensions)
      yield* relay.kill
      assert.isTrue((yield* write("acknowledged", envelope)).result.structuredContent.queued)
      const { result: task } = yield* write("mine")
      assert.strictEqual((yield* ask("tasks/get", { taskId: task.taskId }, envelope)).error.code, -32021)
      for (const taskId of ["holdfast-task-none", "of the relay"]) {
        assert.strictEqual((yield* ask("tasks/get", { taskId })).error.code, -32602)
      }
      const added = yield* daemon.admin("/api/agents", { agent: "other" })
      const { secret } = added.body as { readonly secret: string }
      const body = request("tasks/get", { taskId: task.taskId, _meta: declaring })
      const theirs = yield* post({ url: daemon.url, secret }, "tasks/get", body, { "mcp-name": task.taskId })
      assert.strictEqual(JSON.parse(answerIn(theirs)).error.code, -32602)
      const taskIds = [task.taskId]
      assert.strictEqual(
        (yield* ask("subscriptions/listen", { notifications: { taskIds } }, envelope)).error.code,
        -32021
      )
      const granted = (target: { readonly url: string; readonly secret: string }) =>
        Effect.gen(function*() {
          const { heard } = yield* listening(target, { taskIds: [...taskIds, "holdfast-task-none"] }, declaring)
          return JSON.parse((yield* heard).split("data: ")[1]!).params.notifications
        })
      assert.deepStrictEqual(yield* granted(daemon), { taskIds })
      assert.deepStrictEqual(yield* granted({ url: daemon.url, secret }), {})
      yield* relay.restart()
    }))
})

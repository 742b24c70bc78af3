import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "../../support/eventually.ts"
import { nextId, type RawAgent, rawAgent } from "../../support/RawAgent.ts"
import { Rig } from "../../support/Rig.ts"
import { answerIn, envelope, open, post, request } from "../eras/RawModern.ts"

interface Kept {
  readonly id: number
  readonly tool: string
  readonly state: string
  readonly agent: string
  readonly toldAt: string | null
}

const tool = "kept_results"

const kept = Effect.fnUntraced(function*() {
  const { daemon } = yield* Rig
  const { body } = yield* daemon.admin("/api/results")
  return (body as { readonly results: ReadonlyArray<Kept> }).results
})

/** The kept result that came since, once it has ended. */
const newest = Effect.fnUntraced(function*(after: number) {
  const [found] = yield* eventually(
    "a kept result",
    Effect.map(kept(), (all) => all.filter(({ id, state }) => id > after && state !== "running" && state !== "queued")),
    (all) => all.length > 0
  )
  return found!
})

const last = Effect.map(kept(), (all) => all.at(-1)?.id ?? 0)

const responseOf = Effect.fnUntraced(function*(id: number) {
  const { daemon } = yield* Rig
  const { body } = yield* daemon.admin(`/api/results/${id}`)
  return JSON.parse((body as { readonly response: string }).response)
})

const calls = Effect.fnUntraced(function*(name: string) {
  const { relay } = yield* Rig
  return (yield* relay.requests).filter(({ rpcMethod, tool }) => rpcMethod === "tools/call" && tool === name)
})

const toolCall = (name: string, args: object, meta: object = {}) => ({
  id: nextId(),
  method: "tools/call",
  params: { name, arguments: args, _meta: meta }
})

/** Makes a call of a tool that answers after so long, and loses its connection once the relay has the call. */
const deserted = (agent: RawAgent, millis: number, meta: object = {}) =>
  Effect.scoped(Effect.gen(function*() {
    const before = (yield* calls("silent")).length
    yield* agent.unread(toolCall("silent", { millis }, meta))
    yield* eventually("the call at the relay", calls("silent"), (all) => all.length > before)
  }))

const textsIn = (reply: { readonly answer: { readonly result?: Readonly<Record<string, unknown>> } }) =>
  ((reply.answer.result?.["content"] ?? []) as ReadonlyArray<{ readonly text?: string }>).map(({ text }) => text ?? "")

layer(Rig.layer({ daemon: { env: { HOLDFAST_RESULTS_TOOL: tool } } }), {
  excludeTestServices: true,
  timeout: "60 seconds"
})("An answer outlives its call", (it) => {
  it.effect("a lost connection keeps it for its agent, who is told of it once and reads it by a tool", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const before = yield* last
      yield* deserted(agent, 400)
      const result = yield* newest(before)
      assert.deepInclude(result, { tool: "silent", state: "answered", agent: "default", toldAt: null })
      assert.isDefined((yield* responseOf(result.id)).result)

      const next = yield* rawAgent(daemon)
      const [own, note] = textsIn(yield* next.call("fail", { text: "x" }))
      assert.isDefined(own)
      assert.include(note, `result ${result.id}`)
      assert.include(note, tool)
      assert.lengthOf(textsIn(yield* next.call("fail", { text: "x" })), 1)

      const [head, content] = textsIn(yield* next.call(tool, { id: result.id }))
      assert.match(head ?? "", /^Result \d+: silent, called at /)
      assert.isDefined(content)
      assert.include(textsIn(yield* next.call(tool)).join(), `${result.id}: silent`)
      assert.isTrue((yield* next.call(tool, { id: 99_999 })).answer.result?.["isError"])
    }))

  it.effect("of clients that share a name the one that calls next is told; one of another name is not", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const caller = yield* rawAgent(daemon)
      const sharer = yield* rawAgent(daemon)
      const added = yield* daemon.admin("/api/agents", { agent: "named" })
      const named = yield* rawAgent(daemon, { secret: (added.body as { readonly secret: string }).secret })
      const before = yield* last
      yield* deserted(caller, 300)
      const { id } = yield* newest(before)
      const told = (agent: RawAgent) => Effect.map(agent.call("fail", { text: "x" }), (reply) => textsIn(reply).join())
      assert.notInclude(yield* told(named), "result")
      assert.include(yield* told(sharer), `result ${id}`)
      assert.notInclude(yield* told(caller), "result")
      assert.isTrue((yield* named.call(tool, { id })).answer.result?.["isError"])
      assert.match(textsIn(yield* caller.call(tool, { id }))[0] ?? "", /^Result \d+: silent/)
    }))

  it.effect("an agent of the era without sessions that closes its response is gone, and its call runs on", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const before = yield* last
      const asked = (yield* calls("silent")).length
      const closing = new AbortController()
      const body = request("tools/call", { name: "silent", arguments: { millis: 500 }, _meta: envelope })
      const gone = open(daemon, "tools/call", body, { "mcp-name": "silent" }, closing.signal).catch(() => {})
      yield* eventually("the call at the relay", calls("silent"), (all) => all.length > asked)
      closing.abort()
      yield* Effect.promise(() => gone)
      const result = yield* newest(before)
      assert.strictEqual(result.state, "answered")
      const other = request("tools/call", { name: "fail", arguments: { text: "x" }, _meta: envelope })
      const told = JSON.parse(answerIn(yield* post(daemon, "tools/call", other, { "mcp-name": "fail" })))
      assert.include(told.result.content.at(-1).text, `result ${result.id}`)
    }))

  it.effect("the same call again joins the first while that is under way, and later gets what is kept", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const before = yield* last
      const meta = { "claudecode/toolUseId": `toolu_${"a".repeat(20)}` }
      const asked = (yield* calls("silent")).length
      yield* deserted(agent, 1500, meta)
      const other = yield* rawAgent(daemon)
      const joined = yield* other.post(toolCall("silent", { millis: 1500 }, meta))
      assert.isDefined(joined.answer.result)
      assert.strictEqual((yield* calls("silent")).length, asked + 1)
      // Somebody has it, so nothing is kept.
      assert.deepStrictEqual((yield* kept()).filter(({ id }) => id > before), [])

      const later = { "claudecode/toolUseId": `toolu_${"b".repeat(20)}` }
      yield* deserted(agent, 300, later)
      const result = yield* newest(before)
      const again = yield* other.post(toolCall("silent", { millis: 300 }, later))
      assert.deepStrictEqual(again.answer.result, (yield* responseOf(result.id)).result)
      assert.strictEqual((yield* calls("silent")).length, asked + 2)
      assert.isNotNull((yield* kept()).find(({ id }) => id === result.id)?.toldAt)
      // Other arguments are another call.
      yield* other.post(toolCall("silent", { millis: 301 }, later))
      assert.strictEqual((yield* calls("silent")).length, asked + 3)
    }))

  it.effect("a call that its agent takes back is cancelled at the relay", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const asked = (yield* calls("silent")).length
      const call = toolCall("silent", { millis: 600 })
      yield* Effect.scoped(Effect.gen(function*() {
        yield* agent.unread(call)
        yield* eventually("the call at the relay", calls("silent"), (all) => all.length > asked)
        yield* agent.post({ method: "notifications/cancelled", params: { requestId: call.id } })
      }))
      yield* eventually(
        "the cancellation",
        relay.requests,
        (all) =>
          all.some(({ body, rpcMethod }) => rpcMethod === "notifications/cancelled" && body.includes(`${call.id}`))
      )
    }))

  it.effect("an agent that ends its session while a call is under way has its result kept", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const before = yield* last
      yield* deserted(agent, 700)
      assert.strictEqual((yield* agent.end).status, 200)
      assert.strictEqual((yield* agent.request("ping")).status, 404)
      assert.strictEqual((yield* newest(before)).state, "answered")
    }))

  it.effect("a call that may be queued goes to disk when its agent goes, and what the relay answers is kept", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const before = yield* last
      yield* relay.control.hold("after commit")
      yield* Effect.scoped(Effect.gen(function*() {
        const asked = (yield* calls("relay_send_message")).length
        yield* agent.unread(toolCall("relay_send_message", { to: "b", text: "outlives" }))
        yield* eventually("the call at the relay", calls("relay_send_message"), (all) => all.length > asked)
      }))
      yield* eventually(
        "its place in the outbox",
        kept(),
        (all) => all.some(({ id, state }) => id > before && state === "queued")
      )
      yield* relay.control.release("after commit")
      const result = yield* newest(before)
      assert.deepInclude(result, { tool: "relay_send_message", state: "answered" })
      assert.lengthOf((yield* relay.ledger).filter((entry) => entry.arguments["text"] === "outlives"), 1)
    }))

  it.effect("is read on the command line", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const before = yield* last
      yield* deserted(agent, 300)
      const { id } = yield* newest(before)
      const listed = yield* daemon.command("results", "--json")
      assert.isTrue(JSON.parse(listed.stdout).results.some((one: Kept) => one.id === id))
      assert.include((yield* daemon.command("results")).stdout, "silent")
      const shown = JSON.parse((yield* daemon.command("results", "show", String(id), "--json")).stdout)
      assert.isDefined(JSON.parse(shown.response).result)
      assert.strictEqual((yield* daemon.command("results", "show", "99999")).code, 1)
    }))

  it.effect("a tool of Holdfast's own stands behind the relay's in the menu, also while the relay is away", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      const tools = (yield* agent.request("tools/list")).answer.result?.tools ?? []
      assert.strictEqual(tools.at(-1)?.name, tool)
      assert.deepInclude(tools.at(-1)?.["annotations"], { readOnlyHint: true })
    }))
})

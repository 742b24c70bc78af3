import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { type RawAgent, rawAgent, type RawStream } from "../../support/RawAgent.ts"
import { http } from "../../support/relay/Answer.ts"
import type { ToolDefinition } from "../../support/relay/RelayTools.ts"
import type { TestRelay } from "../../support/relay/TestRelay.ts"
import { Rig } from "../../support/Rig.ts"
import { listening as hearing, post, request } from "../eras/RawModern.ts"

const directory = mkdtempSync(join(tmpdir(), "holdfast-scopes-"))
const tokenFile = join(directory, "token")
writeFileSync(tokenFile, "wide")
process.once("exit", () => rmSync(directory, { recursive: true, force: true }))

const changed = "notifications/tools/list_changed"
const tool = (name: string, description = "d"): ToolDefinition => ({
  name,
  description,
  inputSchema: { type: "object" }
})

const namesOf = (agent: RawAgent) =>
  Effect.map(agent.request("tools/list"), ({ answer }) => {
    return (answer.result?.tools ?? []).map(({ name }) => name)
  })

/** A session that knows its tools and has a stream open, over a relay stream that is open too. */
const listening = Effect.fnUntraced(function*() {
  const { daemon, relay } = yield* Rig
  const agent = yield* rawAgent(daemon)
  yield* namesOf(agent)
  const before = (yield* relay.control.counts).streams
  const stream = yield* agent.get()
  yield* stream.next
  yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > before)
  return { agent, stream }
})

/** What was said by the time that a notification of the relay that is sent now arrives. */
const saidUntilNow = Effect.fnUntraced(function*(relay: TestRelay, stream: RawStream) {
  yield* Effect.sleep("700 millis")
  yield* relay.control.notify("notifications/message", { level: "info", data: "now" })
  const methods: Array<string | undefined> = []
  while (true) {
    const { method } = yield* stream.message
    if (method === "notifications/message") return methods
    methods.push(method)
  }
})

layer(
  Rig.layer({ relay: { tokens: { wide: { agent: "a" } } }, daemon: { env: { HOLDFAST_TOKEN_FILE: tokenFile } } }),
  { excludeTestServices: true }
)("list_changed", (it) => {
  it.effect("comes once for a new tool, once for another definition, and not for a hidden tool", () =>
    Effect.gen(function*() {
      const { relay } = yield* Rig
      const { agent, stream } = yield* listening()
      yield* relay.control.putTool(tool("fresh"))
      assert.deepStrictEqual(yield* saidUntilNow(relay, stream), [changed])
      assert.include(yield* namesOf(agent), "fresh")
      yield* relay.control.putTool(tool("fresh", "another description"))
      assert.deepStrictEqual(yield* saidUntilNow(relay, stream), [changed])
      yield* namesOf(agent)
      yield* relay.control.putTool(tool("relay_workspace_claim", "hidden"))
      assert.deepStrictEqual(yield* saidUntilNow(relay, stream), [])
      yield* relay.control.removeTool("fresh")
      assert.deepStrictEqual(yield* saidUntilNow(relay, stream), [changed])
    }))

  it.effect("comes once for several changes that follow each other at once", () =>
    Effect.gen(function*() {
      const { relay } = yield* Rig
      const { stream } = yield* listening()
      for (const name of ["a1", "a2", "a3", "a4"]) yield* relay.control.putTool(tool(name))
      assert.deepStrictEqual(yield* saidUntilNow(relay, stream), [changed])
      for (const name of ["a1", "a2", "a3", "a4"]) yield* relay.control.removeTool(name, false)
    }))

  it.effect("does not come for a relay that restarts with the same tools, and comes for one with others", () =>
    Effect.gen(function*() {
      const { relay } = yield* Rig
      const { agent, stream } = yield* listening()
      yield* namesOf(agent)
      yield* relay.restart()
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > 0)
      assert.deepStrictEqual(yield* saidUntilNow(relay, stream), [])
      yield* relay.restart({ extraTools: [tool("grown")] })
      yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > 0)
      assert.deepStrictEqual(yield* saidUntilNow(relay, stream), [changed])
      yield* relay.restart({ extraTools: [] })
    }))

  it.effect("goes ahead of the next answer where no stream is open, and only once", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const { agent: other, stream } = yield* listening()
      const agent = yield* rawAgent(daemon)
      yield* namesOf(agent)
      yield* relay.control.putTool(tool("later"))
      yield* stream.message
      yield* namesOf(other)
      yield* daemon.admin("/api/context", { agent: "default", event: "Attach", path: "/tmp", branch: "b" })
      const reply = yield* eventually(
        "list_changed with an answer",
        agent.call("echo", { text: "x" }),
        ({ messages }) => messages.some(({ method }) => method === changed)
      )
      assert.deepStrictEqual(reply.messages.map(({ method }) => method), [changed, undefined])
      assert.deepStrictEqual((yield* agent.call("echo")).messages.length, 1)
      yield* daemon.admin("/api/context", { agent: "default", event: "Detach" })
      yield* relay.control.removeTool("later", false)
    }))

  it.effect("goes ahead of the next answer to an agent of the modern era that listens to nothing, and only once", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const echo = () =>
        post(daemon, "tools/call", request("tools/call", { name: "echo", arguments: {} }), { "mcp-name": "echo" })
      yield* post(daemon, "tools/list", request("tools/list"))
      yield* daemon.admin("/api/context", { agent: "default", event: "Attach", path: "/tmp", branch: "b" })
      const told = yield* eventually("list_changed with an answer", echo(), ({ text }) => text.includes(changed))
      assert.match(told.text, new RegExp(`^data: .*${changed}[^]*^data: .*"result"`, "m"))
      assert.notInclude((yield* echo()).text, changed)
      yield* daemon.admin("/api/context", { agent: "default", event: "Detach" })
    }))

  it.effect("comes at once on a stream that opens behind the times", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const agent = yield* rawAgent(daemon)
      yield* namesOf(agent)
      yield* daemon.admin("/api/context", { agent: "default", event: "Attach", path: "/tmp", branch: "b" })
      const stream = yield* agent.get()
      assert.strictEqual((yield* stream.next).comment, "connected")
      assert.strictEqual((yield* stream.message).method, changed)
      yield* daemon.admin("/api/context", { agent: "default", event: "Detach" })
    }))

  it.effect("comes when the token's scope changes, and the list follows", () =>
    Effect.gen(function*() {
      const { relay } = yield* Rig
      const { agent, stream } = yield* listening()
      const wide = yield* namesOf(agent)
      assert.include(wide, "relay_send_message")
      yield* relay.control.setTokens({ wide: { agent: "a" }, narrow: { agent: "a", scopes: ["test"] } })
      writeFileSync(tokenFile, "narrow")
      assert.strictEqual((yield* stream.message).method, changed)
      const narrow = yield* namesOf(agent)
      assert.notInclude(narrow, "relay_send_message")
      assert.include(narrow, "echo")
      writeFileSync(tokenFile, "wide")
      assert.strictEqual((yield* stream.message).method, changed)
      assert.deepStrictEqual(yield* namesOf(agent), wide)
    }))

  it.effect("comes after our own restart where the tools changed meanwhile", () =>
    Effect.gen(function*() {
      const { daemon, relay } = yield* Rig
      const agent = yield* rawAgent(daemon)
      yield* namesOf(agent)
      yield* daemon.kill
      yield* relay.control.putTool(tool("meanwhile"))
      yield* relay.forgetRequests
      yield* daemon.restart()
      // Holdfast has looked at the list twice by itself: before it served anybody, and as the link was up.
      yield* eventually(
        "the lists that Holdfast fetches",
        relay.requests,
        (all) => all.filter(({ rpcMethod }) => rpcMethod === "tools/list").length >= 2
      )
      const stream = yield* agent.get()
      assert.strictEqual((yield* stream.message).method, changed)
      assert.include(yield* namesOf(agent), "meanwhile")
      yield* daemon.kill
      yield* daemon.restart()
      const again = yield* agent.get()
      assert.deepStrictEqual(yield* saidUntilNow(relay, again), [])
    }))
})

const besides = ["notifications/prompts/list_changed", "notifications/resources/list_changed"]

/** The answer to a call of an agent of the modern era that listens to nothing. */
const echoed = (run: Pick<Daemon, "url" | "secret">) =>
  post(run, "tools/call", request("tools/call", { name: "echo", arguments: {} }), { "mcp-name": "echo" })
const listed = (run: Pick<Daemon, "url" | "secret">) => post(run, "tools/list", request("tools/list"))

/** Two runs of one agent that hold a menu and listen to nothing; Holdfast has a stream of its own by now. */
const twoRuns = Effect.fnUntraced(function*() {
  const { daemon, relay } = yield* Rig
  const lease = { agent: "default", ephemeral: false, holder: process.pid, obeysListChanged: false }
  const { secret } = (yield* daemon.admin("/api/leases", lease)).body as { readonly secret: string }
  const runs = [daemon, { url: daemon.url, secret }]
  for (const run of runs) yield* listed(run)
  yield* eventually("a stream of Holdfast's own", relay.control.counts, ({ streams }) => streams > 0)
  return runs
})

for (const era of ["modern", "legacy"] as const) {
  layer(Rig.layer({ relay: { era } }), { excludeTestServices: true })(
    `What a relay of the ${era} era alone announces to an agent of the modern era that listens to nothing`,
    (it) => {
      it.effect("goes ahead of its next answer, once, to each run of one agent", () =>
        Effect.gen(function*() {
          const { relay } = yield* Rig
          const runs = yield* twoRuns()
          yield* relay.control.putTool(tool("announced"))
          for (const run of runs) {
            yield* eventually("list_changed with an answer", echoed(run), ({ text }) => text.includes(changed))
            assert.notInclude((yield* echoed(run)).text, changed)
            assert.include((yield* listed(run)).text, "announced")
          }
          yield* relay.control.removeTool("announced")
          for (const run of runs) {
            yield* eventually("list_changed with an answer", echoed(run), ({ text }) => text.includes(changed))
            assert.notInclude((yield* listed(run)).text, "announced")
          }
        }))

      it.effect("of its prompts and resources, too", () =>
        Effect.gen(function*() {
          const { relay } = yield* Rig
          const runs = yield* twoRuns()
          for (const notification of besides) {
            yield* relay.control.notify(notification)
            for (const run of runs) {
              const told = yield* eventually(
                "it, with an answer",
                echoed(run),
                ({ text }) => text.includes(notification)
              )
              assert.match(told.text, new RegExp(`^data: .*${notification}[^]*^data: .*"result"`, "m"))
              assert.notInclude((yield* echoed(run)).text, notification)
            }
          }
        }))

      it.effect("goes ahead of its next answer, too, where it listens for something else", () =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          yield* listed(daemon)
          const before = (yield* relay.control.counts).streams
          const { heard } = yield* hearing(daemon, { resourceSubscriptions: ["relay://inbox"] })
          yield* eventually("the relay's stream", relay.control.counts, ({ streams }) => streams > before)
          yield* relay.control.putTool(tool("unheard"))
          yield* eventually("list_changed with an answer", echoed(daemon), ({ text }) => text.includes(changed))
          yield* relay.control.notify(besides[0]!)
          yield* eventually("it, with an answer", echoed(daemon), ({ text }) => text.includes(besides[0]!))
          assert.notInclude(yield* heard, "list_changed")
          yield* relay.control.removeTool("unheard", false)
        }).pipe(Effect.scoped))

      it.effect("is heard behind events that are no JSON, no message, or a question", () =>
        Effect.gen(function*() {
          const { daemon, relay } = yield* Rig
          // An agent for which no stream is open yet.
          const { secret } = (yield* daemon.admin("/api/agents", { agent: "other" })).body as {
            readonly secret: string
          }
          const run = { url: daemon.url, secret }
          const ping = `{"jsonrpc":"2.0","id":"still-there","method":"ping"}`
          const events = ["no JSON", `{"method":notifications}`, `{"method":"x`, "[]", "7", `{"jsonrpc":"2.0"}`, ping]
            .map((data) => `data: ${data}\n\n`)
          const last = `data: {"jsonrpc":"2.0","method":"${besides[0]}"}\n\n`
          const stream = http(200, `${events.join("")}${last}`, { "content-type": "text/event-stream" })
          const asked = era === "legacy" ? { verb: "GET" } : { rpcMethod: "subscriptions/listen" }
          yield* relay.control.answerNext(1, stream, asked)
          yield* listed(run)
          yield* eventually("it, with an answer", echoed(run), ({ text }) => text.includes(besides[0]!))
          // In the modern era a relay has no requests.
          if (era === "modern") return
          const isPong = ({ body }: { readonly body: string }) =>
            body.includes("still-there") && body.includes("result")
          yield* eventually("the answer to its ping", relay.requests, (all) => all.some(isPong))
        }))
    }
  )
}

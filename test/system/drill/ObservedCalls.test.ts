/** What the relay answers to an agent's workspace calls moves that agent's context (BEHAVIOUR 6, drivers). */
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ContextView } from "../../../src/admin/ContextView.ts"
import { Clients } from "../../support/Clients.ts"
import type { Daemon } from "../../support/Daemon.ts"
import { assertQueued } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { http } from "../../support/relay/Answer.ts"
import { Rig } from "../../support/Rig.ts"

const decode = Schema.decodeUnknownSync(Schema.toCodecJson(ContextView))

const tell = (daemon: Daemon, event: string, more = {}) =>
  Effect.map(daemon.admin("/api/context", { agent: "default", event, ...more }), ({ status }) => {
    assert.strictEqual(status, 200)
  })
const attach = (daemon: Daemon, branch: string) => tell(daemon, "Attach", { path: "/tmp", branch })

/** The phase, and by what it was reached. */
const standing = (daemon: Daemon) =>
  Effect.map(daemon.admin("/api/context?agent=default"), ({ body }) => {
    const { history, state } = decode(body)
    return state._tag === "Worktree" ? `${state.phase} by ${history[0]?.cause}` : state._tag
  })

const live = { excludeTestServices: true, timeout: "60 seconds" } as const

layer(Rig.layer(), live)("an observed call", (it) => {
  it.effect(
    "that the relay carried out moves the context at once; one that it refused does not",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        const expect = (text: string) => eventually(text, standing(daemon), (found) => found === text)
        yield* attach(daemon, "one")
        const refusal = http(200, `{"jsonrpc":"2.0","id":$ID,"result":{"isError":true,"content":[]}}`)
        yield* relay.control.answerNext(1, refusal, { tool: "relay_workspace_ready" })
        assert.isTrue((yield* client.call("relay_workspace_ready", {})).isError)
        assert.strictEqual(yield* standing(daemon), "Active by api")
        yield* client.call("relay_workspace_ready", {})
        yield* expect("Ready by relay_workspace_ready")
        yield* client.call("relay_workspace_land", {})
        yield* expect("Merged by relay_workspace_land")
        // Not in a worktree that has come to its end: logged, and the state stays.
        yield* client.call("relay_workspace_ready", {})
        yield* attach(daemon, "two")
        yield* client.call("relay_workspace_release", {})
        yield* expect("Released by relay_workspace_release")
      })
  )

  it.effect(
    "that is delivered later moves the worktree that it was queued under, and never another",
    () =>
      Effect.gen(function*() {
        const { daemon, relay } = yield* Rig
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        const written = Effect.map(
          relay.ledger,
          (all) => all.filter(({ tool }) => tool === "relay_workspace_ready").length
        )
        yield* tell(daemon, "Detach")
        yield* attach(daemon, "three")
        const before = yield* written
        yield* relay.kill
        assertQueued(yield* client.call("relay_workspace_ready", { summary: "three" }))
        yield* tell(daemon, "Detach")
        yield* attach(daemon, "four")
        yield* relay.restart()
        yield* eventually("the delivery", written, (count) => count === before + 1)
        yield* eventually("the log", daemon.stderr, (log) => log.includes("meant for another worktree"))
        assert.strictEqual(yield* standing(daemon), "Active by api")

        yield* relay.kill
        assertQueued(yield* client.call("relay_workspace_ready", { summary: "four" }))
        yield* relay.restart()
        yield* eventually("the move", standing(daemon), (found) => found === "Ready by relay_workspace_ready")
      })
  )
})

const others = { HOLDFAST_CONTEXT_READY: "", HOLDFAST_CONTEXT_LAND: "ech?" }
layer(Rig.layer({ daemon: { env: others } }), live)("an observed call", (it) => {
  it.effect("is of the tools that the configuration names, or none", () =>
    Effect.gen(function*() {
      const { daemon } = yield* Rig
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* attach(daemon, "one")
      yield* client.call("relay_workspace_ready", {})
      yield* client.call("relay_workspace_land", {})
      assert.strictEqual(yield* standing(daemon), "Active by api")
      yield* client.call("echo", { text: "landed" })
      yield* eventually("the move", standing(daemon), (found) => found === "Merged by echo")
    }))
})

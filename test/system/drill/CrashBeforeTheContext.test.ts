import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { ContextView } from "../../../src/admin/ContextView.ts"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { assertQueued } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const decode = Schema.decodeUnknownSync(Schema.toCodecJson(ContextView))

/** Phase, and what moved the context, the newest first. */
const contextOf = (daemon: Daemon) =>
  Effect.map(daemon.admin("/api/context?agent=default"), ({ body }) => {
    const { history, state } = decode(body)
    return { phase: state._tag === "Worktree" ? state.phase : state._tag, events: history.map(({ event }) => event) }
  })

const withDatabase = <A>(daemon: Daemon, use: (database: DatabaseSync) => A) =>
  Effect.sync(() => {
    const database = new DatabaseSync(join(daemon.dataDir, "holdfast.db"))
    try {
      return use(database)
    } finally {
      database.close()
    }
  })

describe("a daemon that is killed between a delivery and what that does to the context", () => {
  it.live("makes up for it at its next start, once", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
      yield* daemon.admin("/api/context", { agent: "default", event: "Attach", path: "/tmp", branch: "b" })
      yield* relay.kill
      assertQueued(yield* client.call("relay_workspace_ready", { summary: "done" }))

      // The reaction cannot be written down, so that the kill is sure to come before it.
      yield* withDatabase(daemon, (database) =>
        database.exec(
          `CREATE TRIGGER injected BEFORE INSERT ON context_reactions BEGIN SELECT RAISE(ABORT, 'injected'); END`
        ))
      yield* relay.restart()
      const delivered = withDatabase(daemon, (database) =>
        database.prepare("SELECT COUNT(*) AS n FROM outbox WHERE state = 'delivered'").get()?.["n"])
      yield* eventually("the delivery", delivered, (count) =>
        count === 1)
      assert.strictEqual((yield* contextOf(daemon)).phase, "Active")
      yield* daemon.kill
      yield* withDatabase(daemon, (database) => database.exec("DROP TRIGGER injected"))

      yield* daemon.restart()
      assert.deepStrictEqual(yield* contextOf(daemon), { phase: "Ready", events: ["MarkReady", "Attach"] })
      yield* daemon.admin("/api/context", { agent: "default", event: "Reopen" })
      yield* daemon.restart()
      assert.deepStrictEqual(yield* contextOf(daemon), { phase: "Active", events: ["Reopen", "MarkReady", "Attach"] })
    }))
})

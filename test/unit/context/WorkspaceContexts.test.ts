import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { join } from "node:path"
import type { ContextState } from "../../../src/context/ContextState.ts"
import { WorkspaceContexts } from "../../../src/context/WorkspaceContexts.ts"
import { AgentName, defaultAgent, defaultRelay } from "../../../src/domain/Ids.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const over = (filename: string) =>
  WorkspaceContexts.layer.pipe(
    Layer.provideMerge(Migrations.layer),
    Layer.provideMerge(SqliteClient.layer({ filename }))
  )

const attach = (branch: string) => ({ _tag: "Attach", path: `/src/${branch}`, branch }) as const
const cause = { cause: "cli" }

describe("WorkspaceContexts", () => {
  it.effect("keeps each agent's context, with time and cause of each step", () =>
    Effect.gen(function*() {
      const contexts = yield* WorkspaceContexts
      const ada = AgentName.make("ada")
      yield* contexts.send(ada, attach("one"), cause)
      yield* TestClock.adjust("1500 millis")
      yield* contexts.send(ada, { _tag: "MarkReady" }, { cause: "relay_workspace_ready" })
      const worktree = { _tag: "Worktree", path: "/src/one", branch: "one", epoch: 1, phase: "Ready" } as const
      assert.deepStrictEqual(yield* contexts.get(ada), worktree)
      assert.deepStrictEqual(yield* contexts.get(defaultAgent), { _tag: "Shared" })
      assert.deepStrictEqual(yield* contexts.history(ada, 10), [
        { at: 1500, event: "MarkReady", cause: "relay_workspace_ready", state: worktree },
        { at: 0, event: "Attach", cause: "cli", state: { ...worktree, phase: "Active" } }
      ])
      assert.lengthOf(yield* contexts.history(ada, 1), 1)
      assert.isTrue((yield* contexts.facts(ada)).has("isolatedWorktree"))
    }).pipe(Effect.provide(over(":memory:"))))

  it.effect("keeps the facts that are set for an agent, over a restart, and tells each change once", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryDirectory, "holdfast.db")
      yield* Effect.gen(function*() {
        const contexts = yield* WorkspaceContexts
        const heard = yield* contexts.changes.pipe(
          Stream.take(2),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        yield* contexts.setFact(defaultAgent, "releaseWeek", true, cause)
        yield* contexts.setFact(defaultAgent, "releaseWeek", true, cause)
        yield* contexts.send(defaultAgent, attach("one"), cause)
        assert.lengthOf(yield* Fiber.join(heard), 2)
        assert.deepStrictEqual([...yield* contexts.facts(defaultAgent)].sort(), ["isolatedWorktree", "releaseWeek"])
        assert.deepStrictEqual([...yield* contexts.facts(AgentName.make("ada"))], [])
      }).pipe(Effect.provide(over(filename)))
      yield* Effect.gen(function*() {
        const contexts = yield* WorkspaceContexts
        assert.isTrue((yield* contexts.facts(defaultAgent)).has("releaseWeek"))
        yield* contexts.setFact(defaultAgent, "releaseWeek", false, cause)
        assert.isFalse((yield* contexts.facts(defaultAgent)).has("releaseWeek"))
        assert.strictEqual((yield* contexts.history(defaultAgent, 1))[0]?.event, "ClearFact releaseWeek")
      }).pipe(Effect.provide(over(filename)))
    }))

  it.effect("refuses what the table does not hold, and stays as it was", () =>
    Effect.gen(function*() {
      const contexts = yield* WorkspaceContexts
      const error = yield* Effect.flip(contexts.send(defaultAgent, { _tag: "Merge" }, cause))
      assert.strictEqual(error._tag, "IllegalTransition")
      assert.deepStrictEqual(yield* contexts.get(defaultAgent), { _tag: "Shared" })
      assert.lengthOf(yield* contexts.history(defaultAgent, 10), 0)
    }).pipe(Effect.provide(over(":memory:"))))

  it.effect("ignores an event that was meant for an earlier worktree", () =>
    Effect.gen(function*() {
      const contexts = yield* WorkspaceContexts
      yield* contexts.send(defaultAgent, attach("one"), cause)
      yield* contexts.send(defaultAgent, { _tag: "Detach" }, cause)
      const late = { cause: "relay_workspace_land", epoch: 1 }
      assert.strictEqual((yield* Effect.flip(contexts.send(defaultAgent, { _tag: "Merge" }, late)))._tag, "StaleEpoch")
      yield* contexts.send(defaultAgent, attach("one"), cause)
      assert.strictEqual((yield* Effect.flip(contexts.send(defaultAgent, { _tag: "Merge" }, late)))._tag, "StaleEpoch")
      yield* contexts.send(defaultAgent, { _tag: "Merge" }, { ...late, epoch: 2 })
    }).pipe(Effect.provide(over(":memory:"))))

  it.effect("hears of a delivery once, moved or refused, however often it is told and over a restart", () =>
    Effect.gen(function*() {
      const filename = join(yield* temporaryDirectory, "holdfast.db")
      const of = (entry: number) => ({ cause: "relay_workspace_ready", delivery: { relay: defaultRelay, entry } })
      const phase = (state: ContextState) => state._tag === "Worktree" ? state.phase : state._tag
      yield* Effect.gen(function*() {
        const contexts = yield* WorkspaceContexts
        yield* Effect.flip(contexts.send(defaultAgent, { _tag: "MarkReady" }, of(1)))
        yield* contexts.send(defaultAgent, attach("one"), cause)
        assert.strictEqual(phase(yield* contexts.send(defaultAgent, { _tag: "MarkReady" }, of(1))), "Active")
        assert.strictEqual(phase(yield* contexts.send(defaultAgent, { _tag: "MarkReady" }, of(2))), "Ready")
        yield* contexts.send(defaultAgent, { _tag: "Reopen" }, cause)
      }).pipe(Effect.provide(over(filename)))
      yield* Effect.gen(function*() {
        const contexts = yield* WorkspaceContexts
        for (const entry of [1, 2]) {
          assert.strictEqual(phase(yield* contexts.send(defaultAgent, { _tag: "MarkReady" }, of(entry))), "Active")
        }
        yield* contexts.forgetDeliveries(defaultRelay, [2])
        assert.strictEqual(phase(yield* contexts.send(defaultAgent, { _tag: "MarkReady" }, of(2))), "Active")
        assert.strictEqual(phase(yield* contexts.send(defaultAgent, { _tag: "MarkReady" }, of(1))), "Ready")
      }).pipe(Effect.provide(over(filename)))
    }))

  it.effect("survives a restart, its count of epochs included", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryDirectory, "t.db")
      const first = yield* Scope.make()
      yield* Effect.gen(function*() {
        const contexts = yield* WorkspaceContexts
        yield* contexts.send(defaultAgent, attach("one"), cause)
        yield* contexts.send(defaultAgent, { _tag: "Detach" }, cause)
      }).pipe(Effect.provide(yield* Layer.buildWithScope(over(file), first)))
      yield* Scope.close(first, Exit.void)
      yield* Effect.gen(function*() {
        const contexts = yield* WorkspaceContexts
        assert.deepStrictEqual(yield* contexts.get(defaultAgent), { _tag: "Shared" })
        const state = yield* contexts.send(defaultAgent, attach("two"), cause)
        assert.strictEqual(state._tag === "Worktree" && state.epoch, 2)
      }).pipe(Effect.provide(over(file)))
    }))

  it.effect("lets one of several events at once win, and tells only what is on disk", () =>
    Effect.gen(function*() {
      const contexts = yield* WorkspaceContexts
      const sql = yield* SqlClient.SqlClient
      const told = yield* Effect.forkChild(
        contexts.changes.pipe(
          Stream.mapEffect(({ agent }) => sql`SELECT id FROM context_history WHERE agent = ${agent}`),
          Stream.map((rows) => rows.length),
          Stream.take(3),
          Stream.runCollect
        ),
        { startImmediately: true }
      )
      const exits = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => `branch-${n}`),
        (branch) => Effect.exit(contexts.send(defaultAgent, attach(branch), cause)),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(exits.filter(Exit.isSuccess), 1)
      yield* contexts.send(defaultAgent, { _tag: "Release" }, cause)
      yield* contexts.send(defaultAgent, attach("next"), cause)
      const counts = yield* Fiber.join(told)
      counts.forEach((count, index) => assert.isAtLeast(count, index + 1))
    }).pipe(Effect.provide(over(":memory:"))))

  it.effect("changes nothing where the disk fails", () =>
    Effect.gen(function*() {
      const contexts = yield* WorkspaceContexts
      const sql = yield* SqlClient.SqlClient
      yield* sql`DROP TABLE context_history`
      assert.isTrue(Exit.hasDies(yield* Effect.exit(contexts.send(defaultAgent, attach("one"), cause))))
      assert.deepStrictEqual(yield* contexts.get(defaultAgent), { _tag: "Shared" })
      assert.lengthOf(yield* sql`SELECT agent FROM contexts`, 0)
    }).pipe(Effect.provide(over(":memory:"))))
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { AgentRoster } from "../../../src/admin/AgentRoster.ts"
import { type Access, Agents } from "../../../src/agents/Agents.ts"
import { WorkspaceContexts } from "../../../src/context/WorkspaceContexts.ts"
import { AgentName, defaultAgent } from "../../../src/domain/Ids.ts"
import { Inbox } from "../../../src/inbox/Inbox.ts"
import { RelayRegistry } from "../../../src/mcp/RelayRegistry.ts"
import * as Database from "../../../src/storage/Database.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { scriptedRelay } from "../../support/scriptedRelay.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const ada = AgentName.make("ada")

/** A relay whose sessions take a second to end. */
const slowRelay = (said: Array<string>) =>
  Layer.effect(
    RelayRegistry,
    Effect.map(
      scriptedRelay({
        token: { forget: () => Effect.sync(() => void said.push("token forgotten")) },
        cachedLists: { forget: () => Effect.void },
        results: { forget: () => Effect.void },
        outbox: { undelivered: () => Effect.succeed(0), forget: () => Effect.void },
        sessions: { endAll: () => Effect.delay(Effect.sync(() => void said.push("sessions ended")), "1 second") }
      }),
      (relay) =>
        RelayRegistry.of({
          list: Effect.succeed([relay]),
          find: () => relay,
          reload: Effect.die("nothing is reloaded here")
        })
    )
  )

const over = (path: string, said: Array<string>) =>
  AgentRoster.layerNoDeps.pipe(
    Layer.provideMerge(slowRelay(said)),
    Layer.provideMerge(Layer.mergeAll(Agents.layer, WorkspaceContexts.layer)),
    Layer.provide(
      Layer.mock(Inbox, { hasNews: () => false, forget: () => Effect.sync(() => void said.push("inbox forgotten")) })
    ),
    Layer.provideMerge(Database.layer),
    Layer.provideMerge(Layer.mergeAll(DataDirectory.layerAt(path), Supervisor.layer))
  )

const agentOf = (access: Access | undefined) => Option.map(Option.fromUndefinedOr(access), ({ agent }) => agent)

describe("the roster", () => {
  it.effect.each([
    { who: "somebody", waits: true },
    { who: "nobody", waits: false }
  ])(
    "lets a name come back only after all that went with the one before, where $who waits for that",
    ({ waits }) =>
      Effect.gen(function*() {
        const said: Array<string> = []
        yield* Effect.gen(function*() {
          const roster = yield* AgentRoster
          const agents = yield* Agents
          const contexts = yield* WorkspaceContexts
          yield* roster.add(ada)
          const removal = yield* Effect.forkChild(roster.remove(ada), { startImmediately: true })
          const addition = yield* Effect.forkChild(roster.add(ada), { startImmediately: true })
          const interrupted = yield* Effect.forkChild(waits ? Effect.void : Fiber.interrupt(removal), {
            startImmediately: true
          })
          while (addition.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
          yield* Fiber.join(interrupted)
          const secret = Redacted.value(yield* Fiber.join(addition))
          const before = said.length
          assert.includeMembers(said, ["sessions ended", "token forgotten", "inbox forgotten"])
          yield* contexts.send(ada, { _tag: "Attach", path: "/w", branch: "b" }, { cause: "cli" })
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(agentOf(agents.authenticate(secret)), Option.some(ada))
          assert.strictEqual((yield* contexts.get(ada))._tag, "Worktree")
          assert.strictEqual(said.length, before)
        }).pipe(Effect.provide(over(yield* temporaryDirectory, said)))
      })
  )

  it.effect("ends a lease whose holder's process id is another process's by now, and no other", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const lease = Effect.gen(function*() {
        const roster = yield* AgentRoster
        const request = { agent: defaultAgent, holder: process.pid, obeysListChanged: false, ephemeral: false }
        return (yield* roster.lease(request)).lease.id
      })
      const kept = yield* Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const reused = yield* lease
        yield* sql`UPDATE agent_secrets SET holder_start = holder_start - 1 WHERE hash = ${reused}`
        return yield* lease
      }).pipe(Effect.provide(over(path, [])))
      yield* Effect.gen(function*() {
        yield* AgentRoster
        const agents = yield* Agents
        const ids = Effect.map(agents.leases, (leases) => leases.map(({ id }) => id))
        assert.strictEqual((yield* ids).length, 2)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* ids, [kept])
      }).pipe(Effect.provide(over(path, [])))
    }))
})

import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Access, Agents } from "../../../src/agents/Agents.ts"
import { AgentName, defaultAgent } from "../../../src/domain/Ids.ts"
import * as Database from "../../../src/storage/Database.ts"
import { DataDirectory } from "../../../src/storage/DataDirectory.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const over = (path: string) =>
  Agents.layer.pipe(Layer.provide(Database.layer), Layer.provide(DataDirectory.layerAt(path)))

/** A daemon's life on the directory. */
const run = <A, E>(path: string, use: (agents: Agents["Service"]) => Effect.Effect<A, E>, secret?: string) =>
  Effect.flatMap(Agents, use).pipe(
    Effect.provide(over(path)),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown(secret === undefined ? {} : { HOLDFAST_AGENT_SECRET: secret })
    )
  )

const ada = AgentName.make("ada")
const secretFile = (path: string) => readFileSync(join(path, "agent-secret"), "utf8").trim()

const agentOf = (access: Access | undefined) => Option.map(Option.fromUndefinedOr(access), ({ agent }) => agent)

describe("Agents", () => {
  it.effect("mints the default agent's secret at the first start, for this user alone, and keeps it", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      assert.deepStrictEqual(yield* run(path, ({ list }) => list), [defaultAgent])
      const secret = secretFile(path)
      assert.match(secret, /^[A-Za-z0-9_-]{43}$/)
      assert.strictEqual(statSync(join(path, "agent-secret")).mode & 0o777, 0o600)
      const found = yield* run(path, ({ authenticate }) => Effect.sync(() => agentOf(authenticate(secret))))
      assert.deepStrictEqual(found, Option.some(defaultAgent))
      assert.strictEqual(secretFile(path), secret)
    }))

  it.effect("takes no name that differs from another's in case alone: their files may be one", () =>
    Effect.gen(function*() {
      yield* run(yield* temporaryDirectory, ({ add, forget, lease, remove }) =>
        Effect.gen(function*() {
          yield* add(ada)
          const other = AgentName.make("Ada")
          const error = yield* Effect.flip(add(other))
          assert.include(error.message, "\"ada\" exists already, and \"Ada\" differs from it in case alone")
          const ephemeral = { agent: other, ephemeral: true, holder: process.pid, obeysListChanged: false }
          assert.strictEqual((yield* Effect.flip(lease(ephemeral)))._tag, "AgentExists")
          assert.strictEqual((yield* Effect.flip(add(AgentName.make("Default"))))._tag, "AgentExists")
          yield* remove(ada)
          assert.strictEqual((yield* Effect.flip(add(other)))._tag, "AgentExists")
          yield* forget(ada)
          yield* add(other)
        }))
    }))

  it.effect("knows nobody by another secret", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* run(path, ({ authenticate }) =>
        Effect.gen(function*() {
          const secret = secretFile(path)
          for (const wrong of ["", secret.slice(1), `${secret} `, secret.toUpperCase(), "x".repeat(100_000)]) {
            assert.deepStrictEqual(agentOf(authenticate(wrong)), Option.none())
          }
        }))
    }))

  it.effect("takes the environment's secret instead of the file's, and writes it nowhere", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* run(path, ({ list }) => list)
      const kept = secretFile(path)
      yield* run(path, ({ authenticate }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(agentOf(authenticate("sixteen letters!")), Option.some(defaultAgent))
          assert.deepStrictEqual(agentOf(authenticate(kept)), Option.none())
        }), "sixteen letters!")
      assert.strictEqual(secretFile(path), kept)
    }))

  it.effect("refuses a secret that is too short, wherever it comes from, without showing it", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const fromEnvironment = yield* Effect.flip(run(path, ({ list }) => list, "fifteen letters"))
      assert.include(fromEnvironment.message, "HOLDFAST_AGENT_SECRET is shorter than 16")
      assert.notInclude(fromEnvironment.message, "fifteen letters")
      writeFileSync(join(path, "agent-secret"), "1234\n")
      const fromFile = yield* Effect.flip(run(path, ({ list }) => list))
      assert.include(fromFile.message, join(path, "agent-secret"))
    }))

  it.effect("adds an agent whose secret is told once and kept as a hash, over a restart", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const secret = Redacted.value(yield* run(path, ({ add }) => add(ada)))
      yield* run(path, ({ authenticate, list }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* list, [defaultAgent, ada])
          assert.deepStrictEqual(agentOf(authenticate(secret)), Option.some(ada))
        }))
      assert.notInclude(readFileSync(join(path, "holdfast.db"), "latin1"), secret)
    }))

  it.effect("removes an agent, and its secret with it, at once and over a restart", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const old = yield* run(path, ({ add, authenticate, list, remove }) =>
        Effect.gen(function*() {
          const old = Redacted.value(yield* add(ada))
          yield* remove(ada)
          assert.deepStrictEqual(agentOf(authenticate(old)), Option.none())
          assert.deepStrictEqual(yield* list, [defaultAgent])
          return old
        }))
      const renewed = yield* run(path, ({ add, authenticate, forget, leaving }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* leaving, [ada])
          assert.strictEqual((yield* Effect.flip(add(ada)))._tag, "AgentLeaving")
          yield* forget(ada)
          assert.deepStrictEqual(agentOf(authenticate(old)), Option.none())
          return Redacted.value(yield* add(ada))
        }))
      yield* run(path, ({ authenticate }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(agentOf(authenticate(old)), Option.none())
          assert.deepStrictEqual(agentOf(authenticate(renewed)), Option.some(ada))
        }))
    }))

  it.effect("leases a further secret, known over a restart and refused once it is released", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const request = { agent: defaultAgent, ephemeral: false, holder: 1, obeysListChanged: true }
      const { lease, secret } = yield* run(path, (agents) => agents.lease(request))
      yield* run(path, ({ authenticate, leases, obeying, release }) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(agentOf(authenticate(Redacted.value(secret))), Option.some(defaultAgent))
          assert.deepStrictEqual(yield* leases, [lease])
          assert.isTrue((yield* obeying)(defaultAgent))
          assert.deepStrictEqual(yield* release(lease.id), { deserted: Option.none() })
          assert.deepStrictEqual(agentOf(authenticate(Redacted.value(secret))), Option.none())
          assert.isFalse((yield* obeying)(defaultAgent))
        }))
    }))

  it.effect("an ephemeral agent is deserted once its secret is released", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* run(path, ({ lease, release }) =>
        Effect.gen(function*() {
          const leased = yield* lease({ agent: ada, ephemeral: true, holder: 1, obeysListChanged: false })
          assert.deepStrictEqual(yield* release(leased.lease.id), { deserted: Option.some(ada) })
          const unknown = AgentName.make("nobody")
          const refused = lease({ agent: unknown, ephemeral: false, holder: 1, obeysListChanged: false })
          assert.strictEqual((yield* Effect.flip(refused))._tag, "UnknownAgent")
        }))
    }))

  it.effect("says what is wrong with a name", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* run(path, ({ add, remove }) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(add(defaultAgent)))._tag, "AgentExists")
          assert.strictEqual((yield* Effect.flip(remove(ada)))._tag, "UnknownAgent")
          assert.strictEqual((yield* Effect.flip(remove(defaultAgent)))._tag, "DefaultAgentStays")
          const both = yield* Effect.all([Effect.exit(add(ada)), Effect.exit(add(ada))], { concurrency: 2 })
          assert.deepStrictEqual(both.map(({ _tag }) => _tag), ["Success", "Failure"])
        }))
    }))
})

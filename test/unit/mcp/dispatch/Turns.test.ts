import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { AgentName } from "../../../../src/domain/Ids.ts"
import { maxAtOnce, Turns } from "../../../../src/mcp/dispatch/Turns.ts"

const alice = AgentName.make("alice")
const bob = AgentName.make("bob")

describe("Turns", () => {
  it.effect("runs so many requests of one agent at once, the rest in order, and lets no other agent wait", () =>
    Effect.gen(function*() {
      const turns = new Turns()
      const begun: Array<number> = []
      const ends = Array.from({ length: maxAtOnce + 3 }, () => Deferred.makeUnsafe<void>())
      const fibers = yield* Effect.forEach(ends, (end, n) =>
        Effect.forkChild(
          turns.take(alice, Effect.andThen(Effect.sync(() => begun.push(n)), Deferred.await(end))),
          { startImmediately: true }
        ))
      assert.strictEqual(begun.length, maxAtOnce)
      assert.strictEqual(yield* turns.take(bob, Effect.succeed("at once")), "at once")

      const interrupted = fibers[maxAtOnce]
      assert.isDefined(interrupted)
      if (interrupted !== undefined) yield* Fiber.interrupt(interrupted)
      for (const [n, fiber] of fibers.entries()) {
        if (n === maxAtOnce) continue
        const end = ends[n]
        if (end !== undefined) yield* Deferred.succeed(end, undefined)
        yield* Fiber.await(fiber)
      }
      assert.deepStrictEqual(begun.slice(-2), [maxAtOnce + 1, maxAtOnce + 2])
      assert.strictEqual(begun.length, maxAtOnce + 2)
      assert.strictEqual(yield* turns.take(alice, Effect.succeed("free again")), "free again")
    }))
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as ScopedMap from "../../../src/supervision/ScopedMap.ts"

const setup = Effect.gen(function*() {
  const said: Array<string> = []
  const set = yield* ScopedMap.make((key: string) =>
    Effect.andThen(
      Effect.acquireRelease(Effect.sync(() => said.push(`opened ${key}`)), () =>
        Effect.sync(() => said.push(`closed ${key}`))),
      key === "bad" ? Effect.fail("no good") : Effect.succeed(key.toUpperCase())
    )
  )
  return { set, said }
})

describe("a scoped map", () => {
  it.effect("builds each thing once, and closes a removed one after its last effect, when nobody finds it any more", () =>
    Effect.gen(function*() {
      const { said, set } = yield* setup
      yield* set.add(["a", "b"])
      yield* set.add(["a", "c"])
      assert.deepStrictEqual(yield* set.list, ["A", "B", "C"])
      yield* set.remove("b", (value) =>
        Effect.gen(function*() {
          said.push(`last of ${value}`)
          assert.deepStrictEqual(yield* set.find("b"), Option.none())
        }))
      yield* set.remove("b", () => Effect.die("it is gone"))
      assert.deepStrictEqual(said, ["opened a", "opened b", "opened c", "last of B", "closed b"])
      yield* set.add(["b"])
      assert.deepStrictEqual(yield* set.list, ["A", "C", "B"])
    }))

  it.effect("of which one cannot be built takes none of those that were to come with it, and keeps nothing open", () =>
    Effect.gen(function*() {
      const { said, set } = yield* setup
      yield* set.add(["a"])
      assert.strictEqual(yield* Effect.flip(set.add(["b", "bad"])), "no good")
      assert.deepStrictEqual(yield* set.list, ["A"])
      assert.includeMembers(said, ["closed b", "closed bad"])
      yield* set.add(["b"])
      assert.deepStrictEqual(yield* set.list, ["A", "B"])
    }))
})

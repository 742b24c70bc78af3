import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import * as Retries from "../../../../src/outbox/delivery/Retries.ts"
import { Verdict } from "../../../../src/outbox/delivery/Verdict.ts"

const make = Effect.provideService(Retries.make, Settings, settingsFrom({}))

const seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
const counts = seconds.map((_, index) => index + 1)

describe("retries", () => {
  it.effect("come after 1 s, doubled to 60 s, ten of them, each no earlier than the relay says", () =>
    Effect.gen(function*() {
      const { updateAfter } = yield* make
      const after = (failures: number, millis = 0) =>
        updateAfter(Verdict.Retry({ why: "busy", millis }), { attempts: failures + 1, failures }, 5)
      assert.deepStrictEqual(counts.map((count) => after(count - 1).visibleAt), seconds.map((each) => 5 + each * 1000))
      assert.strictEqual(after(0, 90_000).visibleAt, 90_005)
      assert.strictEqual(after(10).state, "dead")
    }))

  it.effect("that the relay asked to wait for without saying how long go by how often the call was sent", () =>
    Effect.gen(function*() {
      const { updateAfter } = yield* make
      const after = (attempts: number) =>
        updateAfter(Verdict.Wait({ why: "slow down", millis: undefined }), { attempts, failures: 0 }, 5)
      assert.deepStrictEqual(counts.map((count) => after(count).visibleAt), seconds.map((each) => 5 + each * 1000))
      assert.strictEqual(after(100_000).visibleAt, 60_005)
    }))

  it.effect("end with the relay's result; one of more than 1 MiB is named in its place", () =>
    Effect.gen(function*() {
      const { updateAfter } = yield* make
      const resultOf = (result: string) =>
        updateAfter(Verdict.Delivered({ result }), { attempts: 1, failures: 0 }, 5).result ?? ""
      const small = `{"content":[]}`
      assert.strictEqual(resultOf(small), small)
      const large = resultOf(`{"content":[],"x":"${"é".repeat(600_000)}"}`)
      assert.isBelow(large.length, 300)
      assert.include(JSON.parse(large).content[0].text, "1200021 bytes and is not kept")
    }))

  it.effect("of a lane's letters pause from the third equal refusal on", () =>
    Effect.gen(function*() {
      const { pauseAfter } = yield* make
      assert.deepStrictEqual([0, ...counts].map(pauseAfter), [
        0,
        0,
        0,
        ...seconds.slice(0, 8).map((each) => each * 1000)
      ])
    }))
})

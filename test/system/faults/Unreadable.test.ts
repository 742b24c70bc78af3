import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { OutboxRefused } from "../../../src/outbox/Outbox.ts"
import { advance } from "../../support/outbox/advance.ts"
import { keyed, keysSent, queue, states, submit } from "../../support/outbox/calls.ts"
import { FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../support/outbox/outboxWith.ts"
import { brokenDisk } from "./brokenDisk.ts"

/** A call was queued and delivered; its client asks again, while the disk cannot be read. */
const delivered = Effect.gen(function*() {
  const disk = yield* brokenDisk
  const relay = yield* FakeRelay
  yield* relay.down
  yield* queue("a")
  yield* relay.up
  yield* advance("1 second")
  assert.deepStrictEqual(yield* states, ["a delivered"])
  disk.break("i/o error", 0, Infinity)
  return disk
})

describe("a call that is asked for again while the disk cannot be read", () => {
  it.effect("is refused where it must not be sent twice, and answered once the disk works again", () =>
    Effect.gen(function*() {
      const disk = yield* delivered
      const refusal = yield* Effect.flip(submit(keyed("a")))
      assert.instanceOf(refusal, OutboxRefused)
      assert.include(refusal.message, "could not be read from disk")
      assert.deepStrictEqual(yield* keysSent, ["a"])
      disk.mend()
      const again = yield* submit(keyed("a"))
      assert.isTrue(again._tag === "Answered" && again.replayed)
      assert.deepStrictEqual(yield* keysSent, ["a"])
    }).pipe(Effect.provide(outboxWith({ onUnknown: "dead" }))))

  it.effect("goes to a relay that knows the key", () =>
    Effect.gen(function*() {
      yield* delivered
      assert.strictEqual((yield* submit(keyed("a")))._tag, "Answered")
      assert.deepStrictEqual(yield* keysSent, ["a", "a"])
    }).pipe(Effect.provide(outboxWith({ onUnknown: "resend" }))))
})

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch } from "effect"
import { SessionFibers } from "../../../../src/mcp/sessions/SessionFibers.ts"

const setup = Effect.map(Effect.context(), (context) => new SessionFibers(Effect.runForkWith(context)))

/** Work that lasts until it is interrupted, or let go; it notes how it ended. */
const lasting = (ended: Array<string>, name: string) => {
  const latch = Latch.makeUnsafe(false)
  const work = Effect.onExit(latch.await, (exit) => Effect.sync(() => void ended.push(`${name} ${exit._tag}`)))
  return { work: Effect.asVoid(work), finish: latch.open }
}

describe("SessionFibers", () => {
  it.effect("ends everything with the session, has ended it when the end returns, and starts nothing more", () =>
    Effect.gen(function*() {
      const fibers = yield* setup
      const ended: Array<string> = []
      fibers.request("1", lasting(ended, "request").work)
      fibers.inBackground(lasting(ended, "background").work)
      fibers.holdStream(lasting(ended, "old stream").work)
      fibers.endStream()
      fibers.holdStream(lasting(ended, "stream").work)
      yield* fibers.close
      assert.sameMembers(ended, ["request Failure", "background Failure", "stream Failure", "old stream Failure"])
      const late = [fibers.inBackground(Effect.void), fibers.request("2", Effect.void)]
      for (const fiber of late) assert.isTrue((yield* Fiber.await(fiber))._tag === "Failure")
      yield* fibers.idle
    }))

  it.effect("knows a request by its name while it runs, and is idle when none does", () =>
    Effect.gen(function*() {
      const fibers = yield* setup
      const ended: Array<string> = []
      yield* fibers.idle
      const [one, two] = [lasting(ended, "one"), lasting(ended, "two")]
      fibers.request("1", one.work)
      fibers.request("2", two.work)
      const waited = yield* Deferred.make<void>()
      yield* Effect.forkChild(Effect.andThen(fibers.idle, Deferred.succeed(waited, undefined)), {
        startImmediately: true
      })
      yield* fibers.cancelRequest("1")
      assert.deepStrictEqual(ended, ["one Failure"])
      assert.deepStrictEqual([fibers.hasRequest("1"), fibers.hasRequest("2")], [false, true])
      assert.isFalse(yield* Deferred.isDone(waited))
      yield* two.finish
      yield* Deferred.await(waited)
      assert.isFalse(fibers.hasRequest("2"))
      yield* fibers.cancelRequest("2")
    }))

  it.effect("interrupts a request whose name another takes, and keeps the name for that one", () =>
    Effect.gen(function*() {
      const fibers = yield* setup
      const ended: Array<string> = []
      const first = fibers.request("1", lasting(ended, "first").work)
      const second = lasting(ended, "second")
      fibers.request("1", second.work)
      yield* Fiber.await(first)
      assert.deepStrictEqual(ended, ["first Failure"])
      assert.isTrue(fibers.hasRequest("1"))
      yield* second.finish
      yield* fibers.idle
    }))

  it.effect("holds one stream at a time, and another only in its place or when it has ended", () =>
    Effect.gen(function*() {
      const fibers = yield* setup
      const ended: Array<string> = []
      const first = lasting(ended, "first")
      fibers.holdStream(first.work)
      fibers.holdStream(lasting(ended, "never").work)
      yield* first.finish
      yield* Effect.yieldNow
      fibers.holdStream(lasting(ended, "second").work)
      fibers.replaceStream(lasting(ended, "third").work)
      yield* fibers.close
      assert.deepStrictEqual(ended, ["first Success", "second Failure", "third Failure"])
    }))
})

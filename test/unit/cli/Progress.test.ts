import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { RelayView } from "../../../src/admin/StatusView.ts"
import * as Progress from "../../../src/cli/Progress.ts"
import * as Draining from "../../../src/cli/top/draining.ts"
import { formatWaiting } from "../../../src/cli/top/Overview.ts"

const output = (isTerminal: boolean, columns = 80) => {
  const written: Array<string> = []
  return { written, output: { isTerminal, columns, write: (text: string) => void written.push(text) } }
}

const over = (to: Progress.Output) => Effect.provideService(Progress.Output, to)

describe("progress", () => {
  it.effect("is a bar on a terminal, once a second has gone, drawn over itself and gone at the end", () =>
    Effect.gen(function*() {
      const { output: to, written } = output(true)
      yield* Effect.scoped(Effect.gen(function*() {
        const progress = yield* Progress.make("exported", 2000)
        yield* TestClock.adjust("900 millis")
        assert.deepStrictEqual(written, [])
        yield* progress.done(500)
        yield* TestClock.adjust("200 millis")
        assert.strictEqual(written.at(-1), `\r\u001b[Kexported  ${"█".repeat(6)}${"░".repeat(18)} 500 of 2,000`)
        yield* progress.done(2000)
        yield* TestClock.adjust("200 millis")
        assert.include(written.at(-1), "█".repeat(24))
      })).pipe(over(to))
      assert.strictEqual(written.at(-1), "\r\u001b[K")
    }))

  it.effect("writes nothing of what is done within a second", () =>
    Effect.gen(function*() {
      const { output: to, written } = output(true)
      yield* Effect.scoped(Progress.make("exported", 10)).pipe(over(to))
      assert.deepStrictEqual(written, [])
    }))

  it.effect("is a plain line each 10 s elsewhere", () =>
    Effect.gen(function*() {
      const { output: to, written } = output(false)
      yield* Effect.scoped(Effect.gen(function*() {
        const progress = yield* Progress.make("exported")
        yield* progress.done(1200)
        yield* TestClock.adjust("21 seconds")
      })).pipe(over(to))
      assert.deepStrictEqual(written, ["exported: 1,200\n", "exported: 1,200\n"])
    }))

  it.effect("fits on its line, and shows nothing but text of what it is about", () =>
    Effect.gen(function*() {
      const { output: to, written } = output(true, 20)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Progress.make("a\u001b[31m\nlong name", 5)
        yield* TestClock.adjust("2 seconds")
      })).pipe(over(to))
      const [first = ""] = written
      assert.isAtMost(first.replace("\r\u001b[K", "").length, 19)
      assert.notInclude(first.slice(4), "\u001b")
      assert.notInclude(first, "\n")
    }))

  it.effect("says of a wait how long it has lasted, to a person alone", () =>
    Effect.gen(function*() {
      for (const isTerminal of [true, false]) {
        const { output: to, written } = output(isTerminal)
        const waiting = yield* Effect.forkChild(
          over(to)(Progress.during("waiting", 600, Effect.sleep("1 minute"))),
          { startImmediately: true }
        )
        yield* TestClock.adjust("30 seconds")
        if (isTerminal) assert.match(written.at(-1) ?? "", /waiting \(seconds\).* (29|30) of 600/)
        else assert.deepStrictEqual(written, [])
        yield* TestClock.adjust("1 minute")
        assert.isDefined(waiting.pollUnsafe())
      }
    }))

  it("is full only where all is done", () => {
    assert.strictEqual(Progress.bar(999, 1000, 10), `${"█".repeat(9)}░`)
    assert.strictEqual(Progress.bar(1000, 1000, 10), "█".repeat(10))
    assert.strictEqual(Progress.bar(0, 0, 2), "██")
    assert.strictEqual(Progress.bar(-1, 10, 2), "░░")
  })
})

describe("a drain in top", () => {
  const at = "2026-01-01T00:00:00.000Z"
  const relay = (state: "up" | "down", pending: number) =>
    Schema.decodeSync(Schema.toCodecJson(RelayView))({
      id: "default",
      url: "http://relay.test/mcp",
      link: state === "up" ? { state, since: at } : { state, since: at, attempts: 1, nextProbeAt: at, why: "refused" },
      tokens: [],
      outbox: { pending, inflight: 0, held: 0, dead: 0, delivered: 0, bytes: 0, oldestAt: at, writable: true },
      sessions: { count: 0, streams: 0 }
    })

  it("is a bar from the end of an outage until nothing waits", () => {
    const draining = Draining.make()
    const shown = (state: "up" | "down", pending: number) => {
      const one = relay(state, pending)
      return formatWaiting(one, DateTime.makeUnsafe(at), draining([one]).get(one.id))
    }
    assert.match(shown("down", 100), /100 calls wait/)
    assert.match(shown("down", 200), /200 calls wait/)
    assert.strictEqual(shown("up", 150), "██░░░░░░░░ 150 of 200 left")
    assert.strictEqual(shown("up", 20), "█████████░ 20 of 200 left")
    assert.strictEqual(shown("up", 0), "nothing waits")
    assert.match(shown("up", 3), /3 calls wait/)
  })
})

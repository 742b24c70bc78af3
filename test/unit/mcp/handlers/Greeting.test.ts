import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, Option } from "effect"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import * as Greeting from "../../../../src/mcp/handlers/Greeting.ts"
import { SessionFibers } from "../../../../src/mcp/sessions/SessionFibers.ts"
import { CachedInitialize } from "../../../../src/menu/CachedInitialize.ts"
import { LinkState, RelayLink } from "../../../../src/relay/link/RelayLink.ts"

const up = LinkState.Up({ since: 0 })
const down = LinkState.Down({ since: 0, attempts: 1, nextProbeAt: 0, why: "away" })

const setup = Effect.fnUntraced(function*(known: string | undefined, link: LinkState = up) {
  const logged: Array<string> = []
  const services = Layer.mergeAll(
    Layer.succeed(Settings, settingsFrom({ link: { fallbackAfter: "3 seconds", fallbackUnknownAfter: "8 seconds" } })),
    Layer.mock(RelayLink, { state: Effect.succeed(link) }),
    Layer.mock(CachedInitialize, { find: Effect.succeed(Option.fromUndefinedOr(known)) }),
    Logger.layer([Logger.make(({ message }) => void logged.push(JSON.stringify(message)))])
  )
  const context = yield* Layer.build(services)
  const greeting = yield* Effect.provide(Greeting.make, context)
  const session = new SessionFibers(Effect.runForkWith(yield* Effect.provide(Effect.context(), context)))
  return { greeting, logged, session }
})

describe("the wait for a relay's greeting", () => {
  it.effect("ends with what the relay says in time", () =>
    Effect.gen(function*() {
      const { greeting, session } = yield* setup("last")
      const asking = yield* Effect.forkChild(greeting(session, Effect.as(Effect.sleep("2 seconds"), "now")))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(asking), { known: Option.some("last"), inTime: Option.some("now") })
    }))

  it.effect("is longer where nothing is known, and what comes late is done all the same", () =>
    Effect.gen(function*() {
      for (const [known, seconds] of [["last", 3], [undefined, 8]] as const) {
        const { greeting, session } = yield* setup(known)
        const late = yield* Deferred.make<string>()
        const ask = Effect.andThen(Effect.sleep("9 seconds"), Deferred.succeed(late, "late"))
        const asking = yield* Effect.forkChild(greeting(session, ask), { startImmediately: true })
        yield* TestClock.adjust(`${seconds - 1} seconds`)
        assert.isUndefined(asking.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.isTrue(Option.isNone((yield* Fiber.join(asking)).inTime))
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(yield* Deferred.await(late), "late")
      }
    }))

  it.effect("is none while the relay is away: it is not asked", () =>
    Effect.gen(function*() {
      const { greeting, session } = yield* setup("last", down)
      const { inTime, known } = yield* greeting(session, Effect.succeed("it was asked"))
      assert.deepStrictEqual([known, inTime], [Option.some("last"), Option.none()])
    }))

  it.effect("ends with the session, whose agent is answered with what was known", () =>
    Effect.gen(function*() {
      const { greeting, logged, session } = yield* setup("last")
      const asking = yield* Effect.forkChild(greeting(session, Effect.never), { startImmediately: true })
      yield* session.close
      assert.deepStrictEqual(yield* Fiber.join(asking), { known: Option.some("last"), inTime: Option.none() })
      assert.deepStrictEqual(logged, [])
    }))

  it.effect("ends with a defect, which is logged", () =>
    Effect.gen(function*() {
      const { greeting, logged, session } = yield* setup("last")
      assert.isTrue(Option.isNone((yield* greeting(session, Effect.die("broken"))).inTime))
      assert.lengthOf(logged, 1)
      assert.include(logged[0], "broken")
    }))
})

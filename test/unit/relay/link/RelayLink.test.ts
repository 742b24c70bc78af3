import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Random, Ref } from "effect"
import { TestClock } from "effect/testing"
import { RelayEra } from "../../../../src/relay/link/RelayEra.ts"
import { RelayLink } from "../../../../src/relay/link/RelayLink.ts"
import { RelayProbe } from "../../../../src/relay/link/RelayProbe.ts"
import { ConnectFailed, ConnectionLost, RelayFailure, Silent } from "../../../../src/relay/RelayFailure.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { target } from "../../../support/relay/ScriptedRelay.ts"

const broken = new RelayFailure({ reason: new ConnectionLost({ detail: "reset" }) })
const refused = new RelayFailure({ reason: new ConnectFailed({ detail: "ECONNREFUSED" }) })

/** A relay that is there or not, and when it was probed. */
class Probes {
  up = true
  /** How long a probe takes. */
  takes = Duration.zero
  failure = broken
  readonly at: Array<number> = []

  get pauses(): ReadonlyArray<number> {
    return this.at.slice(1).map((at, index) => at - (this.at[index] ?? 0))
  }
}

const linkTo = (probes: Probes, url = "https://relay.example/mcp") =>
  RelayLink.layer.pipe(
    Layer.provide([
      Layer.succeed(RelayProbe, {
        once: Effect.gen(function*() {
          probes.at.push(yield* Clock.currentTimeMillis)
          yield* Effect.sleep(probes.takes)
          if (!probes.up) return yield* probes.failure
        })
      }),
      RelayEra.layer,
      Supervisor.layer,
      target(new URL(url))
    ])
  )

const withLink = <A, E>(
  probes: Probes,
  use: (link: RelayLink["Service"]) => Effect.Effect<A, E>,
  url?: string
) => Effect.flatMap(RelayLink, use).pipe(Effect.provide(linkTo(probes, url)), Random.withSeed("link"))

describe("RelayLink", () => {
  it.effect("starts Down where the first probe fails, and Up where it succeeds", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      yield* withLink(probes, (link) => Effect.map(link.state, (state) => assert.strictEqual(state._tag, "Up")))
      probes.up = false
      yield* withLink(probes, (link) =>
        Effect.map(link.state, (state) => {
          assert.strictEqual(state._tag, "Down")
          if (state._tag === "Down") assert.deepStrictEqual([state.since, state.attempts], [0, 1])
        }))
    }))

  it.effect("probes at once when it goes Down, then exponentially, jittered, and capped at 30 s for as long as it takes", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 minute")
          probes.up = false
          probes.at.length = 0
          assert.strictEqual(yield* link.report(refused, 60_000), "link down")
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(probes.at[0], 60_000)
          for (const [step, pause] of probes.pauses.slice(0, 6).entries()) {
            assert.isAtLeast(pause, 400 * 2 ** step)
            assert.isAtMost(pause, 600 * 2 ** step)
          }
          assert.isTrue(probes.pauses.slice(8).every((pause) => pause === 30_000))
          assert.isAbove(probes.at.length, 120)
          const state = yield* link.state
          if (state._tag !== "Down") return assert.fail("not Down")
          assert.strictEqual(state.since, 60_000)
          assert.strictEqual(state.attempts, probes.at.length)
          assert.isTrue(Number.isInteger(state.nextProbeAt))
        }))
    }))

  it.effect("probes a relay on loopback at least every 2 s", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      probes.up = false
      yield* withLink(probes, () => TestClock.adjust("5 minutes"), "http://localhost:4850/api/mcp")
      assert.strictEqual(Math.max(...probes.pauses), 2000)
    }))

  it.effect("comes back with the first probe that succeeds", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      probes.up = false
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("10 minutes")
          probes.up = true
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual((yield* link.state)._tag, "Up")
          const probed = probes.at.length
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(probes.at.length, probed)
        }))
    }))

  it.effect("goes on with the backoff where the relay flaps, and begins afresh after 30 s Up or a real answer", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      probes.up = false
      /** The first pause of an outage that begins now. */
      const firstPause = (link: RelayLink["Service"]) =>
        Effect.gen(function*() {
          probes.up = false
          probes.at.length = 0
          yield* link.report(refused, yield* Clock.currentTimeMillis)
          yield* TestClock.adjust("35 seconds")
          return probes.pauses[0] ?? 0
        })
      const recover = Effect.suspend(() => {
        probes.up = true
        return TestClock.adjust("30 seconds")
      })
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("10 minutes")
          probes.up = true
          const state = yield* link.state
          if (state._tag !== "Down") return assert.fail("not Down")
          yield* TestClock.setTime(state.nextProbeAt)
          assert.strictEqual(yield* firstPause(link), 30_000)

          yield* recover
          yield* TestClock.adjust("31 seconds")
          assert.isAtMost(yield* firstPause(link), 600)

          yield* TestClock.adjust("10 minutes")
          yield* link.answered
          assert.strictEqual((yield* link.state)._tag, "Up")
          assert.isAtMost(yield* firstPause(link), 600)
        }))
    }))

  it.effect("does not let one bad call take it Down", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          probes.at.length = 0
          assert.strictEqual(yield* link.report(broken, 0), "the call's own")
          assert.strictEqual((yield* link.state)._tag, "Up")
          assert.lengthOf(probes.at, 1)
        }))
    }))

  it.effect("goes Down after two probes that fail, since the earliest failure told of; reports share the probes", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          probes.takes = Duration.seconds(5)
          probes.up = false
          probes.at.length = 0
          yield* TestClock.adjust("20 seconds")
          const reports = yield* Effect.forkChild(
            Effect.all([link.report(broken, 19_000.7), link.report(broken, 15_000), link.report(broken, 20_000)], {
              concurrency: "unbounded"
            })
          )
          yield* TestClock.adjust("9999 millis")
          assert.strictEqual((yield* link.state)._tag, "Up")
          assert.lengthOf(probes.at, 2)
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(yield* Fiber.join(reports), ["link down", "link down", "link down"])
          const state = yield* link.state
          assert.strictEqual(state._tag === "Down" && state.since, 15_000)
        }))
    }))

  it.effect("takes a connection that is refused to a probe for proof enough", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          probes.up = false
          probes.failure = refused
          yield* link.report(broken, 0)
          assert.strictEqual((yield* link.state)._tag, "Down")
        }))
    }))

  it.effect("does not probe again for a silence that was probed twice, unless an answer came since", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      const silent = new RelayFailure({ reason: new Silent({ millis: 20_000 }) })
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          probes.up = false
          yield* link.probe
          yield* link.probe
          yield* link.answered
          probes.up = true
          probes.at.length = 0
          assert.strictEqual(yield* link.report(silent, 0), "the call's own")
          assert.lengthOf(probes.at, 1)

          probes.up = false
          yield* link.probe
          yield* link.probe
          probes.takes = Duration.seconds(5)
          assert.strictEqual(yield* link.report(silent, 0), "link down")
        }))
    }))

  it.effect("shares one probe among all who ask at the same time, also when one of them goes away", () =>
    Effect.gen(function*() {
      const probes = new Probes()
      yield* withLink(probes, (link) =>
        Effect.gen(function*() {
          probes.takes = Duration.seconds(1)
          probes.at.length = 0
          const first = yield* Effect.forkChild(link.probe, { startImmediately: true })
          const second = yield* Effect.forkChild(link.probe, { startImmediately: true })
          yield* Fiber.interrupt(first)
          yield* TestClock.adjust("1 second")
          assert.isTrue(yield* Fiber.join(second))
          assert.lengthOf(probes.at, 1)
        }))
    }))

  describe("awaitUp", () => {
    const outcome = (link: RelayLink["Service"]) =>
      Effect.gen(function*() {
        const startedAt = yield* Clock.currentTimeMillis
        const ended = yield* Ref.make<readonly [string, number]>(["waits", 0])
        yield* Effect.result(link.awaitUp).pipe(
          Effect.flatMap((result) =>
            Effect.flatMap(Clock.currentTimeMillis, (at) => Ref.set(ended, [result._tag, at - startedAt]))
          ),
          Effect.forkChild({ startImmediately: true })
        )
        return ended
      })

    it.effect("waits 5 s in a young outage, else 2 s, then fails with when the outage began", () =>
      Effect.gen(function*() {
        const probes = new Probes()
        probes.up = false
        yield* withLink(probes, (link) =>
          Effect.gen(function*() {
            yield* TestClock.adjust("4 seconds")
            const young = yield* outcome(link)
            yield* TestClock.adjust("5 seconds")
            assert.deepStrictEqual(yield* Ref.get(young), ["Failure", 5000])
            const old = yield* outcome(link)
            yield* TestClock.adjust("5 seconds")
            assert.deepStrictEqual(yield* Ref.get(old), ["Failure", 2000])
            const failing = yield* Effect.forkChild(Effect.flip(link.awaitUp))
            yield* TestClock.adjust("2 seconds")
            const { delivery, reason } = yield* Fiber.join(failing)
            assert.strictEqual(delivery, "not sent")
            assert.strictEqual(reason._tag === "LinkDown" && reason.sinceMillis, 0)
          }))
      }))

    it.effect("probes once a second while somebody waits, and lets them go as soon as the relay is back", () =>
      Effect.gen(function*() {
        const probes = new Probes()
        probes.up = false
        yield* withLink(probes, (link) =>
          Effect.gen(function*() {
            yield* TestClock.adjust("1 hour")
            yield* TestClock.adjust("2 seconds")
            probes.at.length = 0
            const waiting = yield* outcome(link)
            yield* TestClock.adjust("999 millis")
            assert.lengthOf(probes.at, 1)
            probes.up = true
            yield* TestClock.adjust("1 millis")
            assert.lengthOf(probes.at, 2)
            assert.deepStrictEqual(yield* Ref.get(waiting), ["Success", 1000])
          }))
      }))

    it.effect("costs nothing while Up, and waits for the verdict while a failure is being looked into", () =>
      Effect.gen(function*() {
        const probes = new Probes()
        yield* withLink(probes, (link) =>
          Effect.gen(function*() {
            yield* link.awaitUp
            probes.takes = Duration.seconds(1)
            yield* Effect.forkChild(link.report(broken, 0), { startImmediately: true })
            const waiting = yield* outcome(link)
            yield* TestClock.adjust("999 millis")
            assert.deepStrictEqual(yield* Ref.get(waiting), ["waits", 0])
            yield* TestClock.adjust("1 millis")
            assert.deepStrictEqual(yield* Ref.get(waiting), ["Success", 1000])
          }))
      }))
  })
})

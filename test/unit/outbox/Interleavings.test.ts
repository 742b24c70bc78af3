/**
 * Whatever happens, in whatever order: nothing that was accepted is lost, each lane keeps its order, and no entry is
 * attempted twice at once.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Exit, Fiber, Layer, Schema, Scope } from "effect"
import { Outbox, type Submission } from "../../../src/outbox/Outbox.ts"
import { ConnectionLost } from "../../../src/relay/RelayFailure.ts"
import { depth } from "../../support/depth.ts"
import { advance, idle } from "../../support/outbox/advance.ts"
import { keyed } from "../../support/outbox/calls.ts"
import { answers, type Behaviour, errs, fails, FakeRelay, unreachable } from "../../support/outbox/FakeRelay.ts"
import { outboxAt } from "../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** What matters is likelier: calls that meet each other, and a relay that takes its time and then fails. */
const Command = Schema.Literals(
  [
    ...["call x", "call x", "call x", "call x", "call y"] as const,
    ...["second", "ten seconds", "ten seconds", "minute"] as const,
    ...["down", "up", "up", "crash", "crash"] as const,
    ...["answers", "slow", "very slow", "very slow", "talks", "unreachable", "errors"] as const,
    ...["loses before", "loses after", "slowly loses before", "slowly loses after", "slowly unreachable"] as const
  ]
)
type Command = typeof Command.Type

const lost = fails(new ConnectionLost({ detail: "reset" }))

/** What the relay sees: who is being attempted, and in which order calls took effect, each once. */
class Ledger {
  readonly carriedOut: Array<string> = []
  readonly underWay = new Map<string, string>()
  readonly broken: Array<string> = []

  receives(behaviour: Behaviour): Behaviour {
    return (text) => {
      const { key, to } = readCall(text)
      return Effect.acquireUseRelease(
        Effect.sync(() => {
          if (this.underWay.has(to)) this.broken.push(`${key} was sent while ${this.underWay.get(to)} was under way`)
          this.underWay.set(to, key)
        }),
        () => behaviour(text),
        () => Effect.sync(() => this.underWay.delete(to))
      )
    }
  }

  carryOut(text: string): void {
    const { key } = readCall(text)
    if (!this.carriedOut.includes(key)) this.carriedOut.push(key)
  }
}

const readCall = (text: string) => {
  const { arguments: { to }, _meta } = JSON.parse(text).params
  return { to: String(to), key: String(_meta["holdfast/idempotencyKey"]) }
}

const behaviours = (ledger: Ledger): Record<string, Behaviour> => {
  const carriesOut: Behaviour = (text) => Effect.andThen(Effect.sync(() => ledger.carryOut(text)), answers(text))
  const losesAfter: Behaviour = (text) => Effect.andThen(carriesOut(text), lost(text))
  const after = (time: Duration.Input, then: Behaviour): Behaviour => (text) =>
    Effect.andThen(Effect.sleep(time), Effect.suspend(() => then(text)))
  return {
    "answers": carriesOut,
    "slow": after("4 seconds", carriesOut),
    "very slow": after("25 seconds", carriesOut),
    "talks": after("40 seconds", carriesOut),
    "unreachable": unreachable,
    "loses before": lost,
    "loses after": losesAfter,
    "slowly loses before": after("4 seconds", lost),
    "slowly loses after": after("4 seconds", losesAfter),
    "slowly unreachable": after("8 seconds", unreachable),
    "errors": errs(-32603, "busy", 500)
  }
}

const settings = { lane: "to", retries: 1_000_000 }

const interleave = Effect.fnUntraced(function*(commands: ReadonlyArray<Command>) {
  const file = `${yield* temporaryDirectory}/h.db`
  const relay = yield* FakeRelay
  const ledger = new Ledger()
  const behaviour = behaviours(ledger)
  const called: Array<{ readonly key: string; readonly fiber: Fiber.Fiber<Submission, unknown> }> = []
  const behave = (name: string) => relay.behave(ledger.receives(behaviour[name] ?? answers))

  const start = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.build(outboxAt(file, settings)).pipe(Scope.provide(scope))
    yield* idle
    return { scope, outbox: yield* Effect.provide(Outbox, context) }
  })
  let running = yield* start
  let talks = false
  yield* behave("answers")

  for (const command of commands) {
    switch (command) {
      case "call x":
      case "call y": {
        const key = `${command} ${called.length}`
        const call = keyed(key, { id: `${called.length}`, args: { to: command } })
        const talking = talks
        const submitted = running.outbox.submit(call, (wire, onBytes) => {
          const talk = Effect.forever(Effect.andThen(Effect.sleep("4 seconds"), Effect.sync(onBytes)))
          return talking ? Effect.raceFirst(relay.receive(wire.text), talk) : relay.receive(wire.text)
        })
        called.push({ key, fiber: yield* Effect.forkChild(submitted, { startImmediately: true }) })
        break
      }
      case "second":
      case "ten seconds":
      case "minute":
        yield* advance(command === "second" ? "1 second" : command === "minute" ? "1 minute" : "10 seconds")
        break
      case "down":
        yield* relay.down
        break
      case "up":
        yield* relay.up
        break
      case "crash":
        yield* Scope.close(running.scope, Exit.void)
        running = yield* start
        break
      default:
        talks = command === "talks"
        yield* behave(command)
    }
    // Not always: some things have to happen in the same moment.
    if (called.length % 3 !== 0) yield* idle
  }

  yield* behave("answers")
  yield* relay.up
  for (let minute = 0; minute < 5; minute++) yield* advance("1 minute")

  const accepted: Array<string> = []
  for (const { fiber, key } of called) {
    const exit = fiber.pollUnsafe()
    assert.isDefined(exit, `${key} was never answered`)
    if (exit === undefined || Exit.isFailure(exit)) continue
    const reply = exit.value
    if (reply._tag === "Queued" || (reply._tag === "Answered" && reply.text.includes("result"))) accepted.push(key)
    assert.notStrictEqual(reply._tag, "Failed", key)
  }
  assert.deepStrictEqual(ledger.broken, [])
  assert.deepStrictEqual(accepted.filter((key) => !ledger.carriedOut.includes(key)), [], "lost")
  for (const lane of ["call x", "call y"]) {
    const order = ledger.carriedOut.filter((key) => key.startsWith(lane))
    assert.deepStrictEqual(order, called.map(({ key }) => key).filter((key) => order.includes(key)), "order")
  }
  const { dead, held, inflight, pending } = yield* running.outbox.stats
  assert.deepStrictEqual({ dead, held, inflight, pending }, { dead: 0, held: 0, inflight: 0, pending: 0 })
  yield* Scope.close(running.scope, Exit.void)
})

describe("Outbox", () => {
  it.effect.prop(
    "keeps the order of each lane, loses nothing and never attempts an entry twice at once",
    [Schema.Array(Command).check(Schema.isMinLength(5), Schema.isMaxLength(60))],
    ([commands]) => interleave(commands).pipe(Effect.scoped, Effect.provide(FakeRelay.layer)),
    { timeout: 120_000, arbitrary: { runs: depth({ short: 15, drill: 120 }), seed: "holdfast", size: 60 } }
  )
})

/** A life of the queue, command by command, beside its model. */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { PrincipalId } from "../../../src/domain/Ids.ts"
import { Outbox, type Submission } from "../../../src/outbox/Outbox.ts"
import { ConnectionLost, Forbidden, RateLimited } from "../../../src/relay/RelayFailure.ts"
import { advance, idle } from "../../support/outbox/advance.ts"
import { keyed } from "../../support/outbox/calls.ts"
import { answers, type Behaviour, errs, fails, FakeRelay, refuses } from "../../support/outbox/FakeRelay.ts"
import { outboxAt } from "../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import * as Model from "./Model.ts"

const Key = Schema.Literals(["k1", "k2", "k3", "k4", "k5", "k6"])
const Lane = Schema.Literals(["x", "x", "y"] as const)

const Call = Schema.Struct({ _tag: Schema.tag("Call"), key: Key, lane: Lane, resend: Schema.Boolean })
const Link = Schema.Struct({ _tag: Schema.tag("Link"), up: Schema.Boolean })
const Behave = Schema.Struct({
  _tag: Schema.tag("Behave"),
  as: Schema.Literals(
    ["answers", "answers", "answers", "refuses", "is busy", "is lost", "is limited", "forbids", "hangs"] as const
  )
})
const Retry = Schema.Struct({ _tag: Schema.tag("Retry"), key: Key })

/** What matters is likelier: calls that meet each other, and a relay that comes and goes. */
export const Command = Schema.Union([
  ...[Call, Call, Call, Call, Link, Link, Behave, Behave, Retry] as const,
  Schema.Struct({ _tag: Schema.tag("Principal"), is: Schema.Literals(["alice", "alice", "bob"] as const) }),
  Schema.Struct({ _tag: Schema.tag("Restart"), at: Schema.Literals(["one", "one", "one", "two"] as const) }),
  Schema.Struct({ _tag: Schema.tag("Discard"), key: Key }),
  Schema.Struct({ _tag: Schema.tag("Pass"), hours: Schema.Literals(Model.passes) })
])
export type Command = typeof Command.Type

/** Longer than an answer to a live call is remembered, and than any wait here. */
const aWhile = "11 minutes"

const settings = {
  lane: "to",
  maxEntries: Model.maxEntries,
  retries: 3,
  retryHeld: "10 minutes",
  expireAfter: `${Model.expiry} hours`,
  keepDelivered: `${Model.keeping} hours`
}

const behaviours = (carriedOut: Array<string>): Readonly<Record<Model.Behaviour, Behaviour>> => ({
  "answers": (text) =>
    Effect.suspend(() => {
      const { text: key, to } = JSON.parse(text).params.arguments
      carriedOut.push(`${to} ${key}`)
      return answers(text)
    }),
  "refuses": refuses("no"),
  "is busy": errs(-32603, "busy"),
  "is lost": fails(new ConnectionLost({ detail: "reset" })),
  "is limited": fails(new RateLimited({ retryAfterMillis: 600_000 })),
  "forbids": fails(new Forbidden({ detail: "not you" })),
  "hangs": () => Effect.never
})

const toldBy = (fiber: Fiber.Fiber<Submission, unknown>): string => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined) return "nothing"
  return Exit.isFailure(exit) ? "refused" : exit.value._tag.toLowerCase()
}

const shown = (key: string, state: string, reason: string) => `${key} ${state === "parked" ? "held" : state} ${reason}`

const next = (model: Model.Model, command: Command): Model.Model => {
  switch (command._tag) {
    case "Call":
      return Model.called(model, command)[1]
    case "Link":
      return { ...model, up: command.up }
    case "Behave":
      return { ...model, behaviour: command.as }
    case "Principal":
      return { ...model, principal: command.is }
    case "Restart":
      return { ...Model.restarted(model), destination: command.at }
    case "Retry":
      return Model.retried(model, command.key)
    case "Discard":
      return Model.discarded(model, command.key)
    case "Pass":
      return Model.passed(model, command.hours)
  }
}

/** A call that hangs and finds no room stays live for as long as the relay likes; the model knows no such call. */
const isUnbounded = (model: Model.Model, command: Command): boolean =>
  command._tag === "Call" && model.behaviour === "hangs" && Model.isFull(model)

export const live = Effect.fnUntraced(function*(commands: ReadonlyArray<Command>) {
  const file = `${yield* temporaryDirectory}/h.db`
  const relay = yield* FakeRelay
  const carriedOut: Array<string> = []
  const behave = behaviours(carriedOut)
  const start = Effect.fnUntraced(function*(at: Model.Destination) {
    const scope = yield* Scope.make()
    const context = yield* Layer.build(outboxAt(file, settings, `http://${at}.test/mcp`)).pipe(Scope.provide(scope))
    yield* idle
    return { scope, outbox: yield* Effect.provide(Outbox, context) }
  })
  let running = yield* start("one")
  let model = Model.empty
  yield* relay.behave(behave.answers)

  const idOf = Effect.fnUntraced(function*(key: string) {
    return (yield* running.outbox.list({})).filter((entry) => entry.key === key).map(({ id }) => id)
  })
  const perform = Effect.fnUntraced(function*(command: Command) {
    switch (command._tag) {
      case "Call": {
        const { key, lane, resend } = command
        const principal = PrincipalId.make(model.principal)
        const call = keyed(key, { args: { to: lane }, declaresKey: resend, principal })
        const submitted = running.outbox.submit(call, (wire) => relay.receive(wire.text))
        return yield* Effect.forkChild(submitted, { startImmediately: true })
      }
      case "Link":
        return yield* command.up === model.up ? Effect.void : command.up ? relay.up : relay.down
      case "Behave":
        return yield* relay.behave(behave[command.as])
      case "Principal":
        return yield* relay.principal(command.is)
      case "Restart":
        yield* Scope.close(running.scope, Exit.void)
        running = yield* start(command.at)
        return
      case "Retry":
        return yield* running.outbox.retry(yield* idOf(command.key))
      case "Discard":
        return yield* running.outbox.discard(yield* idOf(command.key), "the model says so")
      case "Pass":
        return yield* advance(`${command.hours} hours`)
    }
  })

  for (const [at, command] of commands.entries()) {
    if (isUnbounded(model, command)) continue
    const where = () => JSON.stringify({ at, command, model, all: commands.slice(0, at + 1) })
    const fiber = yield* perform(command)
    yield* advance(aWhile)
    if (command._tag === "Call") {
      const told = fiber && "pollUnsafe" in fiber ? toldBy(fiber) : "nothing"
      assert.strictEqual(told, Model.called(model, command)[0], where())
    }
    const entries = yield* running.outbox.list({})
    const gone = entries.filter(({ reason }) => Option.exists(reason, (words) => words.startsWith("expired")))
    model = Model.withConsequences(next(model, command), new Set(gone.map(({ key }) => key)))
    assert.deepStrictEqual(
      entries.map(({ key, reason, state }) =>
        shown(key, state, state === "dead" ? Option.getOrElse(reason, () => "").split(/[:(]| after/)[0] ?? "" : "")
      ).sort(),
      model.entries.map(({ key, reason, state }) => shown(key, state, reason)).sort(),
      where()
    )
  }
  for (const lane of ["x", "y"]) {
    const inLane = (all: ReadonlyArray<string>) => all.filter((each) => each.startsWith(lane))
    assert.deepStrictEqual(inLane(carriedOut), inLane(model.carriedOut), lane)
  }
  yield* Scope.close(running.scope, Exit.void)
})

/** One life. */
export const Commands = Schema.Array(Command).check(Schema.isMinLength(20), Schema.isMaxLength(40))

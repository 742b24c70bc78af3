/**
 * One life of a queue, with the disk failing at its first statement, then at its second, and so on: once, and for a while.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Outbox, type Submission } from "../../src/outbox/Outbox.ts"
import { advance, settled } from "../outbox/advance.ts"
import { keyed } from "../outbox/calls.ts"
import { answers, type Behaviour, errs, FakeRelay, refuses } from "../outbox/FakeRelay.ts"
import { databaseAt, ground } from "../outbox/outboxWith.ts"
import { temporaryDirectory } from "../storage/temporaryDirectory.ts"
import { brokenDisk, type Fault } from "./brokenDisk.ts"

const keyIn = (text: string): string => JSON.parse(text).params._meta["holdfast/idempotencyKey"]

const life = Effect.fnUntraced(function*(fault: Fault, from: number, times: number) {
  const relay = yield* FakeRelay
  const disk = yield* brokenDisk
  const carriedOut: Array<string> = []
  const carries: Behaviour = (text) =>
    Effect.suspend(() => {
      if (!carriedOut.includes(keyIn(text))) carriedOut.push(keyIn(text))
      return answers(text)
    })
  const scope = yield* Scope.make()
  const layer = Outbox.layer.pipe(
    Layer.provideMerge(databaseAt(`${yield* temporaryDirectory}/h.db`)),
    Layer.provideMerge(ground({ lane: "to" }))
  )
  const context = yield* Layer.build(Layer.fresh(layer)).pipe(Scope.provide(scope))
  const outbox = yield* Effect.provide(Outbox, context)
  const sql = yield* Effect.provide(SqlClient.SqlClient, context)
  const calls = new Map<string, Fiber.Fiber<Submission, unknown>>()
  const call = Effect.fnUntraced(function*(key: string, lane: string) {
    const submitted = outbox.submit(keyed(key, { args: { to: lane } }), (wire) => relay.receive(wire.text))
    calls.set(key, yield* Effect.forkChild(submitted, { startImmediately: true }))
  })

  disk.break(fault, from, times)
  yield* relay.down
  for (const key of ["a", "b", "c"]) yield* call(key, "x")
  yield* advance("1 second")
  yield* relay.behave(carries)
  yield* relay.up
  yield* advance("5 seconds")
  // Handed over, and settled by its late answer.
  yield* relay.behave((text) => Effect.andThen(Effect.sleep("25 seconds"), carries(text)))
  yield* call("slow", "y")
  yield* call("behind", "y")
  yield* advance("1 minute")
  yield* relay.behave(errs(-32603, "busy"))
  yield* relay.down
  yield* call("busy", "z")
  yield* relay.up
  yield* advance("3 seconds")
  yield* relay.behave(refuses("no"))
  yield* advance("1 minute")
  yield* relay.behave(carries)
  // What an operator asks of a disk that fails, fails.
  yield* Effect.exit(Effect.flatMap(lettersOf(outbox), (letters) => outbox.retry(letters.map(({ id }) => id))))
  yield* advance("1 minute")
  const seen = disk.seen()
  disk.mend()
  for (let minute = 0; minute < 5; minute++) yield* advance("1 minute")

  const accepted: Array<string> = []
  for (const [key, fiber] of calls) {
    const exit = fiber.pollUnsafe()
    assert.isDefined(exit, `${key} was never answered`)
    if (exit !== undefined && Exit.isSuccess(exit) && exit.value._tag === "Queued") accepted.push(key)
  }
  const letters = (yield* lettersOf(outbox)).map(({ key }) => key)
  const lost = accepted.filter((key) => !carriedOut.includes(key) && !letters.includes(key))
  assert.deepStrictEqual(lost, [], "lost")
  const ofX = carriedOut.filter((key) => ["a", "b", "c"].includes(key))
  assert.deepStrictEqual(ofX, [...ofX].sort(), "order")
  const { dead, delivered, held, inflight, pending, writable } = yield* outbox.stats
  assert.deepStrictEqual({ held, inflight, pending, writable }, { held: 0, inflight: 0, pending: 0, writable: true })
  const counted = yield* sql`SELECT COUNT(*) FILTER (WHERE state = 'dead'), COUNT(*) FILTER (WHERE state = 'delivered')
    FROM outbox`.values
  assert.deepStrictEqual(counted, [[dead, delivered]])
  // Once mended, it accepts and delivers.
  yield* relay.down
  yield* call("after", "x")
  yield* settled
  yield* relay.up
  yield* advance("5 seconds")
  assert.include(carriedOut, "after")
  yield* Scope.close(scope, Exit.void)
  return seen
}, Effect.scoped)

const lettersOf = (outbox: Outbox["Service"]) => outbox.list({ state: "dead" })

/** From statement `from` on, each `step`th; `times` statements fail in a row. The number of lives. */
export const sweep = Effect.fnUntraced(function*(fault: Fault, times: number, from = 0, step = 1) {
  let lives = 0
  let statements = Infinity
  for (let at = from; at < statements; at += step) {
    statements = yield* life(fault, at, times).pipe(
      Effect.provide(FakeRelay.layer),
      Effect.tapError((error) => Effect.logError(`from statement ${at}`, error))
    )
    lives++
  }
  assert.isAbove(statements, 30)
  return lives
})

/**
 * One life of a queue, with the disk failing at its first statement, then at its second, and so on: once, and for a while.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { advance, idle } from "../../support/outbox/advance.ts"
import { FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { databaseAt, ground } from "../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { brokenDisk, type Fault } from "./brokenDisk.ts"
import { acceptedOf, caller, type Calls, carrying, lettersOf, story } from "./story.ts"

const life = Effect.fnUntraced(function*(fault: Fault, from: number, times: number) {
  const relay = yield* FakeRelay
  const disk = yield* brokenDisk
  const carriedOut: Array<string> = []
  const carries = carrying(carriedOut)
  const scope = yield* Scope.make()
  const layer = Outbox.layer.pipe(
    Layer.provideMerge(databaseAt(`${yield* temporaryDirectory}/h.db`)),
    Layer.provideMerge(ground({ lane: "to" }))
  )
  const context = yield* Layer.build(Layer.fresh(layer)).pipe(Scope.provide(scope))
  const outbox = yield* Effect.provide(Outbox, context)
  const sql = yield* Effect.provide(SqlClient.SqlClient, context)
  const calls: Calls = new Map()

  disk.break(fault, from, times)
  yield* story(outbox, calls, carries)
  const seen = disk.seen()
  disk.mend()
  for (let minute = 0; minute < 5; minute++) yield* advance("1 minute")

  for (const [key, fiber] of calls) assert.isDefined(fiber.pollUnsafe(), `${key} was never answered`)
  const accepted = acceptedOf(calls)
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
  yield* (yield* caller(outbox, calls))("after", "x")
  yield* idle
  yield* relay.up
  yield* advance("5 seconds")
  assert.include(carriedOut, "after")
  yield* Scope.close(scope, Exit.void)
  return seen
}, Effect.scoped)

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

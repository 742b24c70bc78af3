import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { DatabaseSync } from "node:sqlite"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { advance } from "../../support/outbox/advance.ts"
import { FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { databaseAt, outboxAt } from "../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { crashImages } from "./crashImages.ts"
import { acceptedOf, type Calls, carrying, lettersOf, story } from "./story.ts"

const settings = { lane: "to" }

const isWhole = (file: string) => {
  const db = new DatabaseSync(file)
  const rows = db.prepare("PRAGMA integrity_check").all().map((row) => ({ ...row }))
  db.close()
  assert.deepStrictEqual(rows, [{ integrity_check: "ok" }])
}

const ofX = (keys: ReadonlyArray<string>) => keys.filter((key) => ["a", "b", "c"].includes(key))

/** A next process takes over what is there, and the relay is well. */
const recovered = Effect.fnUntraced(function*(file: string, before: ReadonlyArray<string>) {
  const relay = yield* FakeRelay
  const carriedOut = [...before]
  yield* relay.behave(carrying(carriedOut))
  yield* relay.up
  return yield* Effect.gen(function*() {
    const outbox = yield* Outbox
    for (let minute = 0; minute < 5; minute++) yield* advance("1 minute")
    const { inflight, pending } = yield* outbox.stats
    assert.deepStrictEqual({ inflight, pending }, { inflight: 0, pending: 0 })
    return { carriedOut, letters: (yield* lettersOf(outbox)).map(({ key }) => key) }
  }).pipe(Effect.provide(outboxAt(file, settings)))
})

describe("a process that is killed between any two statements", () => {
  it.effect(
    "has lost nothing that it acknowledged, and the next one delivers it once and in order",
    () =>
      Effect.gen(function*() {
        const file = `${yield* temporaryDirectory}/h.db`
        const carriedOut: Array<string> = []
        const calls: Calls = new Map()
        const scope = yield* Scope.make()
        const context = yield* Layer.build(outboxAt(file, settings)).pipe(Scope.provide(scope))
        const { images, stop } = yield* crashImages(file, () => ({
          accepted: acceptedOf(calls),
          carriedOut: [...carriedOut]
        }))
        yield* story(yield* Effect.provide(Outbox, context), calls, carrying(carriedOut))
        yield* stop
        yield* Scope.close(scope, Exit.void)

        assert.isAbove(images.length, 40)
        assert.deepStrictEqual(images.at(-1)?.noted.accepted, ["a", "b", "c", "slow", "behind", "busy"])
        for (const [at, { file, noted }] of images.entries()) {
          isWhole(file)
          const found = yield* recovered(file, noted.carriedOut)
          const lost = noted.accepted.filter((key) => ![...found.carriedOut, ...found.letters].includes(key))
          assert.deepStrictEqual(lost, [], `lost at statement ${at}`)
          assert.deepStrictEqual(ofX(found.carriedOut), ofX(found.carriedOut).toSorted(), `order at statement ${at}`)
        }
      }).pipe(Effect.provide(FakeRelay.layer))
  )

  it.effect("at its very first start has left nothing that the next start does not make up for", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const tables = Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`SELECT sql FROM sqlite_master UNION ALL SELECT name FROM effect_sql_migrations`.values
      )
      const { images, stop } = yield* crashImages(file, () => undefined)
      const whole = yield* Effect.provide(tables, databaseAt(file), { local: true })
      yield* stop
      assert.isAbove(images.length, 20)
      for (const image of images) {
        assert.deepStrictEqual(yield* Effect.provide(tables, databaseAt(image.file), { local: true }), whole)
        isWhole(image.file)
      }
    }))
})

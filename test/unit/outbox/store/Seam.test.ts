import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Outbox } from "../../../../src/outbox/Outbox.ts"
import { OutboxStore } from "../../../../src/outbox/store/OutboxStore.ts"
import * as SqliteStore from "../../../../src/outbox/store/SqliteStore.ts"
import { advance } from "../../../support/outbox/advance.ts"
import { keysSent, queue, states } from "../../../support/outbox/calls.ts"
import { FakeRelay } from "../../../support/outbox/FakeRelay.ts"
import { databaseAt, ground } from "../../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"

const sealed = (text: string) => Buffer.from(text).toString("base64")
const opened = (text: string) => Buffer.from(text, "base64").toString()

/** As an embedding program might have it: requests are unreadable on the disk. */
const sealing = Layer.effect(
  OutboxStore,
  Effect.map(OutboxStore, (own) =>
    OutboxStore.of({
      ...own,
      insert: (entry, update) => own.insert({ ...entry, request: sealed(entry.request) }, update),
      claim: (lane, principal, before) =>
        Effect.map(own.claim(lane, principal, before), (claim) =>
          claim._tag === "Claimed"
            ? { ...claim, entry: { ...claim.entry, request: opened(claim.entry.request) } }
            : claim)
    }))
).pipe(Layer.provide(SqliteStore.layer))

const outbox = Outbox.layerNoDeps.pipe(
  Layer.provide(sealing),
  Layer.provideMerge(Layer.unwrap(Effect.map(temporaryDirectory, (directory) => databaseAt(`${directory}/h.db`)))),
  Layer.provideMerge(FakeRelay.layer),
  Layer.provideMerge(ground())
)

describe("a store of an embedding program's", () => {
  it.effect("has each entry to keep, and the relay gets what it gives back", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const sql = yield* SqlClient.SqlClient
      yield* relay.down
      yield* queue("a", "b")
      const requests = yield* sql<{ readonly request: string }>`SELECT request FROM outbox ORDER BY id`
      yield* relay.up
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["a", "b"])
      assert.deepStrictEqual(
        (yield* relay.sent).map(({ text }) => text),
        requests.map(({ request }) => opened(request))
      )
      assert.deepStrictEqual(yield* states, ["a delivered", "b delivered"])
    }).pipe(Effect.provide(outbox)))
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { advance } from "../../support/outbox/advance.ts"
import { queue, states } from "../../support/outbox/calls.ts"
import { answers, FakeRelay } from "../../support/outbox/FakeRelay.ts"
import { outboxAt } from "../../support/outbox/outboxWith.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

describe("a clock that was hours ahead when the last process wrote", () => {
  it.effect("holds no entry up for more than 5 minutes after the next start, and the order stays", () =>
    Effect.gen(function*() {
      const file = `${yield* temporaryDirectory}/h.db`
      const relay = yield* FakeRelay
      yield* relay.down
      const scope = yield* Scope.make()
      const context = yield* Layer.build(outboxAt(file)).pipe(Scope.provide(scope))
      yield* queue("a", "b").pipe(Effect.provide(context))
      const sql = yield* Effect.provide(SqlClient.SqlClient, context)
      yield* sql`UPDATE outbox SET visible_at = visible_at + 10800000, queued_at = queued_at + 10800000,
        occurred_at = occurred_at + 10800000`
      yield* Scope.close(scope, Exit.void)

      yield* relay.behave(answers)
      yield* relay.up
      yield* Effect.gen(function*() {
        yield* Outbox
        yield* advance("6 minutes")
        assert.deepStrictEqual(yield* states, ["a delivered", "b delivered"])
      }).pipe(Effect.provide(outboxAt(file)))
      assert.deepStrictEqual((yield* relay.sent).map(({ key }) => key), ["a", "b"])
    }).pipe(Effect.provide(FakeRelay.layer)))
})

import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The outbox keeps the order of its lanes in memory. And it is rarely asked for all entries of a state but for the
 * pending and the delivered ones, which have indexes of their own. So a queued call is written at fewer pages.
 */
export default Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`DROP INDEX outbox_lane`
  yield* sql`DROP INDEX outbox_state`
  yield* sql`CREATE INDEX outbox_apart ON outbox (relay, state, id)
    WHERE state IN ('inflight', 'held', 'parked', 'dead')`
})

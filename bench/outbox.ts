/**
 * What the outbox costs a call when it is empty and when 100,000 entries are in it, side by side in one run.
 *
 * `node bench/outbox.ts [rows]`. Rounds alternate between the two, and the quickest of each are compared: whatever else
 * the machine does only adds to a round. Read the ratios, not the absolute numbers. Exit code 1 where one is above 1.2.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PrincipalId } from "../src/domain/Ids.ts"
import { Outbox } from "../src/outbox/Outbox.ts"
import { OutboxStore } from "../src/outbox/store/OutboxStore.ts"
import * as SqliteStore from "../src/outbox/store/SqliteStore.ts"
import { ensureEntered } from "../test/support/environment.ts"
import { keyed } from "../test/support/outbox/calls.ts"
import { FakeRelay } from "../test/support/outbox/FakeRelay.ts"
import { databaseAt, ground, outboxAt } from "../test/support/outbox/outboxWith.ts"

ensureEntered()

const rows = Number(process.argv[2] ?? 100_000)
const rounds = 150
/** So few that some rounds are disturbed by nobody. */
const perRound = 25
const allowed = 1.2

const alice = PrincipalId.make("alice")
const settings = { lane: "to", maxEntries: 10_000_000 }

/** In a hundred lanes; half of them wait, the others are dead or delivered. */
const fill = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO outbox (seq, relay, agent, lane, tool, key, arguments_hash, state, request, bytes, principal, destination,
      on_unknown, occurred_at, queued_at, attempts, failures, visible_at, settled_at, result)
    SELECT i, 'default', 'default', 'default/lane ' || (i % 100), 'relay_send_message', 'old ' || i, '',
      CASE i % 4 WHEN 0 THEN 'dead' WHEN 1 THEN 'delivered' ELSE 'pending' END, '{}', 2, 'alice',
      'http://relay.test/mcp', 'resend', 0, unixepoch() * 1000, 1, 0, 0, unixepoch() * 1000, '{}' FROM n`
})

const millis = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const start = performance.now()
  yield* effect
  return performance.now() - start
})

let calls = 0

const subject = Effect.fnUntraced(function*(name: string, filled: boolean) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-bench-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const file = join(directory, "h.db")
  if (filled) yield* Effect.provide(fill, databaseAt(file), { local: true })
  const relay = yield* FakeRelay
  const context = yield* Layer.build(outboxAt(file, settings))
  const outbox = Context.get(context, Outbox)
  const enqueue = Effect.suspend(() =>
    outbox.submit(keyed(`key ${++calls}`, { args: { to: `lane ${calls % 100}` } }), (wire) => relay.receive(wire.text))
  )
  // Each of the hundred lanes has a head, which the store below finds when it is built.
  yield* Effect.repeat(enqueue, { times: 99 })
  const store = yield* Layer.build(
    SqliteStore.layer.pipe(
      Layer.provide(ground(settings)),
      Layer.provide(Layer.succeed(SqlClient.SqlClient, Context.get(context, SqlClient.SqlClient)))
    )
  ).pipe(Effect.map(Context.get(OutboxStore)))
  const lane = filled ? "default/lane 50" : "default/lane 0"
  return {
    name,
    /** One after the other, each with a commit of its own. */
    enqueue: Effect.asVoid(Effect.orDie(Effect.repeat(enqueue, { times: perRound - 1 }))),
    /** The head is there, and is another principal's: found, and left alone. */
    head: Effect.asVoid(
      Effect.orDie(Effect.repeat(store.claim(lane, PrincipalId.make("nobody"), Infinity), { times: perRound - 1 }))
    )
  }
})

const measured = Effect.gen(function*() {
  const relay = yield* FakeRelay
  yield* relay.principal(alice)
  yield* relay.down
  const empty = yield* subject("empty", false)
  const full = yield* subject(`${rows} rows`, true)
  const ratios: Array<number> = []
  for (const what of ["head", "enqueue"] as const) {
    const times = { empty: new Array<number>(), full: new Array<number>() }
    for (let round = -1; round < rounds; round++) {
      const one = yield* millis(empty[what])
      const other = yield* millis(full[what])
      if (round < 0) continue
      times.empty.push(one)
      times.full.push(other)
    }
    const [low, high] = [Math.min(...times.empty) / perRound, Math.min(...times.full) / perRound]
    const ratio = high / low
    ratios.push(ratio)
    yield* Console.log(
      `${what.padEnd(8)} ${low.toFixed(3)} ms empty, ${high.toFixed(3)} ms at ${rows} rows: ratio ${ratio.toFixed(2)}`
    )
  }
  if (ratios.some((ratio) => ratio > allowed)) return yield* Effect.fail(`a ratio is above ${allowed}`)
})

NodeRuntime.runMain(measured.pipe(Effect.scoped, Effect.provide(FakeRelay.layer)))

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Daemon } from "../../support/Daemon.ts"
import { timed } from "../../support/drill.ts"
import { isQueued, probeClient } from "../../support/ProbeClient.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { possible, smallDisk } from "./SmallDisk.ts"

describe("a daemon whose disk fails", () => {
  it.live(
    "while another program has locked the database, says so, accepts nothing, lets live calls go on, and recovers",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* probeClient(daemon, relay)
        yield* client.send("live")
        const other = new DatabaseSync(join(daemon.dataDir, "holdfast.db"))
        other.exec("PRAGMA busy_timeout = 30000")
        other.exec("BEGIN IMMEDIATE")

        const live = yield* timed(client.send("live too"))
        assert.include(live.value, "\"result\"")
        assert.isBelow(live.millis, 3_000)

        yield* relay.kill
        const refused = yield* Effect.forkChild(client.send("refused"))
        // Nobody else waits for the lock.
        for (let time = 0; time < 10; time++) assert.isBelow((yield* timed(client.readyz)).millis, 3_000)
        assert.include(yield* Fiber.join(refused), "could not be written to disk and was not accepted")
        yield* client.says(/^200 .*"degraded":\[.*cannot write to disk/)

        other.exec("ROLLBACK")
        other.close()
        yield* client.says(/^200/, /cannot write to disk/)
        assert.isTrue(isQueued(yield* client.send("queued")))
        yield* relay.restart()
        assert.deepStrictEqual(yield* client.ledger(3), ["live", "live too", "queued"])
      })
  )

  it.live.skipIf(!possible)(
    "on a full disk, says so, accepts nothing, lets live calls go on, and recovers",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const disk = yield* smallDisk(relay.url)
        const client = yield* probeClient(disk.door, relay)
        yield* disk.fill
        assert.include(yield* client.send("live"), "\"result\"")
        yield* relay.kill

        const accepted: Array<string> = []
        // What fits into pages that are there already may still be accepted.
        for (let index = 0; index < 40; index++) {
          const text = `${index} ${"x".repeat(50_000)}`
          const told = yield* client.send(text)
          if (isQueued(told)) accepted.push(text)
          else assert.include(told, "could not be written to disk and was not accepted")
        }
        assert.isBelow(accepted.length, 40)
        yield* client.says(/^200 .*"degraded":\[.*cannot write to disk/)
        // Nothing is sent that could not be written down; what needs no queue goes on.
        yield* relay.restart()
        assert.include(yield* client.call("echo", { text: "hello" }), "\"result\"")

        yield* disk.free
        yield* client.says(/^200/, /cannot write to disk/)
        yield* relay.kill
        assert.isTrue(isQueued(yield* client.send("queued")))
        yield* relay.restart()
        const expected = ["live", ...accepted, "queued"]
        assert.deepStrictEqual(yield* client.ledger(expected.length), expected)
      })
  )
})

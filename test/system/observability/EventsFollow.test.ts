/** Who follows the journal of a real daemon goes on over its end and its start. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { launch, run } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

interface Event {
  readonly seq: number
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

const eventsIn = (text: string): ReadonlyArray<Event> =>
  text.split("\n").filter((line) => line !== "").map((line): Event => JSON.parse(line))

describe("holdfast events", () => {
  it.live(
    "--follow goes on over a SIGKILL and a clean restart of the daemon, without hole or double",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const call = Effect.gen(function*() {
          const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
          yield* client.call("echo", { text: "x" })
        }).pipe(Effect.scoped)
        yield* call
        const follower = yield* Effect.acquireRelease(
          Effect.sync(() => launch(["events", "--follow", "--after", "0", "--json", "--data-dir", daemon.dataDir])),
          ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const answered = (count: number) =>
          eventually(
            `${count} answers`,
            Effect.sync(() => eventsIn(follower.stdout.slice(0, follower.stdout.lastIndexOf("\n") + 1))),
            (events) => events.filter(({ type }) => type === "call.answered").length === count
          )
        yield* answered(1)
        yield* daemon.kill
        yield* daemon.restart()
        yield* call
        yield* answered(2)
        // A stream that is open holds up no stop.
        const stopping = performance.now()
        yield* daemon.terminate
        assert.isBelow(performance.now() - stopping, 10_000)
        yield* daemon.restart()
        yield* call
        const seen = yield* answered(3)

        const replayed = eventsIn((yield* daemon.command("events", "--json")).stdout)
        const bySeq = new Map(seen.map((event) => [event.seq, event]))
        assert.strictEqual(bySeq.size, seen.length)
        assert.deepStrictEqual(seen.map(({ seq }) => seq), seen.map(({ seq }) => seq).toSorted((a, b) => a - b))
        const newest = seen.at(-1)?.seq ?? 0
        for (const event of replayed) if (event.seq <= newest) assert.deepStrictEqual(bySeq.get(event.seq), event)
      }),
    180_000
  )

  it.live("ends with 3 where no daemon runs, and with 2 for a type that there is not", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const none = yield* run(["events", "--follow", "--data-dir", join(directory, "none")])
      assert.strictEqual(none.code, 3, none.stderr)
      const wrong = yield* run(["events", "--type", "nothing", "--data-dir", directory])
      assert.strictEqual(wrong.code, 2)
    }), 60_000)
})

describe("a reader over HTTP", () => {
  it.live(
    "that reads nothing does not hold up what others do, and is ended with the daemon",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const secret = readFileSync(join(daemon.dataDir, "admin-secret"), "utf8").trim()
        const stalled = yield* Effect.promise(() =>
          fetch(new URL("/api/events", daemon.url), { headers: { authorization: `Bearer ${secret}` } })
        )
        assert.strictEqual(stalled.status, 200)
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        for (let index = 0; index < 50; index++) yield* client.call("echo", { text: String(index) })
        const { body, status } = yield* daemon.admin("/api/status")
        assert.strictEqual(status, 200, JSON.stringify(body))
        yield* daemon.terminate
        yield* Effect.promise(() => stalled.body?.cancel().catch(() => {}) ?? Promise.resolve())
      }),
    120_000
  )
})

/**
 * A reader follows the journal of a real daemon by its cursor, while the daemon is killed again and again under load: each
 * record once, in order, and each as the journal has it in the end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref } from "effect"
import { setTimeout as sleep } from "node:timers/promises"
import { Daemon } from "../../support/Daemon.ts"
import { Dice } from "../../support/Dice.ts"
import { eventually } from "../../support/eventually.ts"
import { launch } from "../../support/Program.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { hostileRelay } from "../hostile/HostileRelay.ts"

interface Event {
  readonly seq: number
  readonly type: string
}

const wanted = 100_000
const killed = 20

const eventsIn = (text: string): ReadonlyArray<Event> =>
  text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter((line) => line !== "").map((line): Event =>
    JSON.parse(line)
  )

describe("holdfast events --follow", () => {
  it.live(
    `has each of ${wanted} records once, in order, over ${killed} SIGKILLs of the daemon that writes them`,
    () =>
      Effect.gen(function*() {
        const relay = yield* hostileRelay()
        const daemon = yield* Daemon.start({
          relayUrl: relay.url.href,
          env: { HOLDFAST_JOURNAL_MAX_RECORDS: "10000000", HOLDFAST_JOURNAL_MAX_BYTES: "1 GiB" }
        })
        const follower = yield* Effect.acquireRelease(
          Effect.sync(() => launch(["events", "--follow", "--after", "0", "--json", "--data-dir", daemon.dataDir])),
          ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const going = yield* Ref.make(true)
        // Numbers are not counted: each start of a daemon leaves some out.
        let lines = 0
        follower.child.stdout?.on("data", (chunk: Buffer) => lines += String(chunk).split("\n").length - 1)
        const had = Effect.sync(() => lines)
        // A daemon that is dead answers nobody: the agent comes again.
        const agent = Effect.gen(function*() {
          while (yield* Ref.get(going)) {
            const life = Effect.gen(function*() {
              const one = yield* rawAgent(daemon)
              while (yield* Ref.get(going)) {
                const { status } = yield* one.call("good")
                if (status !== 200) return
              }
            })
            yield* Effect.ignoreCause(life)
            yield* Effect.promise(() => sleep(20))
          }
        })
        const agents = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 8 }, () => agent), { concurrency: "unbounded", discard: true })
        )
        const dice = new Dice("killed daemons")
        for (let kill = 1; kill <= killed; kill++) {
          const goal = Math.floor(wanted * (kill / killed))
          yield* eventually(`${goal} records`, had, (count) => count >= goal, "8 minutes")
          yield* Effect.promise(() => sleep(dice.between(0, 50)))
          yield* daemon.restart()
        }
        yield* Ref.set(going, false)
        yield* Fiber.await(agents)

        const replay = eventsIn((yield* daemon.command("events", "--json")).stdout)
        const newest = replay.at(-1)?.seq ?? 0
        yield* eventually(
          "the last record",
          Effect.sync(() => follower.stdout.slice(-4096).includes(`"seq":${newest}`)),
          (isThere) => isThere
        )
        const seen = eventsIn(follower.stdout)
        assert.isTrue(seen.every(({ seq }, index) => index === 0 || seq > (seen[index - 1]?.seq ?? 0)), "a double")
        const bySeq = new Map(seen.map((event) => [event.seq, event]))
        assert.isAtLeast(seen.length, wanted * 0.99)
        for (const event of replay) {
          if (event.seq <= newest) assert.deepStrictEqual(bySeq.get(event.seq), event, `record ${event.seq}`)
        }
        const kept = new Set(replay.map(({ seq }) => seq))
        assert.deepStrictEqual(seen.filter(({ seq }) => seq <= newest && !kept.has(seq)), [], "what the journal lost")
        assert.deepStrictEqual(seen.filter(({ type }) => type === "gap"), [])
      }),
    1_200_000
  )
})

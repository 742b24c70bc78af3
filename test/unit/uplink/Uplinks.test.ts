import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { defaultAgent } from "../../../src/domain/Ids.ts"
import { Inbox } from "../../../src/inbox/Inbox.ts"
import { Journal } from "../../../src/journal/Journal.ts"
import { JournalRecord } from "../../../src/journal/JournalRecord.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { PushedCredentials, PushedCredentialsTable } from "../../../src/token/sources/UplinkSource.ts"
import { PlaneMaker, type PlaneStatus } from "../../../src/uplink/Plane.ts"
import * as Uplinks from "../../../src/uplink/Uplinks.ts"
import { UplinkStates, UplinkStatusTable } from "../../../src/uplink/UplinkStatus.ts"
import { depth } from "../../support/depth.ts"
import { Dice } from "../../support/Dice.ts"
import { eventually } from "../../support/eventually.ts"
import { refusal, ScriptedPlane } from "../../support/ScriptedPlane.ts"

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

interface Life {
  readonly journal: Journal["Service"]
  readonly inbox: Inbox["Service"]
  readonly pushed: PushedCredentialsTable
  readonly status: () => ReturnType<UplinkStatusTable["all"]["at"]> & {}
}

type UplinkInput = Partial<NonNullable<Parameters<typeof settingsFrom>[0]["uplinks"]>[string]>
type More = Omit<Parameters<typeof settingsFrom>[0], "uplinks">

/** A start of the uplink, its journal and its inbox, over the same database. */
const life = <A, E>(
  plane: ScriptedPlane,
  test: (life: Life) => Effect.Effect<A, E>,
  uplink: UplinkInput = {},
  more: More = {}
) =>
  Effect.gen(function*() {
    const states = new UplinkStatusTable()
    const pushed = new PushedCredentialsTable()
    const settings = settingsFrom({
      ...more,
      uplinks: { platform: { url: "http://127.0.0.1:1", session: "s-1", ...uplink } }
    })
    return yield* Effect.gen(function*() {
      const journal = yield* Journal
      const inbox = yield* Inbox
      return yield* test({ journal, inbox, pushed, status: () => states.all[0]! })
    }).pipe(
      Effect.provide(
        Layer.fresh(Uplinks.layer).pipe(
          Layer.provideMerge(Layer.mergeAll(Layer.fresh(Inbox.layer), Layer.fresh(Journal.layer))),
          Layer.provideMerge(Layer.fresh(Supervisor.layer)),
          Layer.provide(Layer.succeed(Settings, settings))
        )
      ),
      Effect.provideService(UplinkStates, states),
      Effect.provideService(PushedCredentials, pushed),
      Effect.provideService(PlaneMaker, Effect.succeed(() => Effect.succeed(plane.plane)))
    )
  })

const happened = (journal: Journal["Service"], run: number): void =>
  journal.append({
    type: "run.started",
    subject: "daemon",
    session: undefined,
    payload: { run: `r-${run}`, holder: 1 }
  })

/** All that takes no time has been done. */
const settled = Effect.repeat(TestClock.adjust("10 millis"), { times: 20 })

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({
  ...JournalRecord.fields,
  type: Schema.String
})))
const runsOf = (payloads: ReadonlyArray<string>) =>
  payloads.map((text) => decode(text)).map(({ payload, type }) =>
    type === "gap" ? `gap ${payload["from"]}-${payload["to"]}` : payload["run"]
  )
const runs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `r-${from + index}`)

const user = (seq: number, body: string) => ({ id: `id-${seq}`, seq, type: "user", payload: body })
const bodies = (inbox: Inbox["Service"]) =>
  Effect.map(inbox.list({ agent: defaultAgent, limit: 100 }), (all) => all.map(({ body }) => Option.getOrNull(body)))

describe("an uplink's records", () => {
  it.effect("go out once and in order, over a restart", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      yield* life(plane, ({ journal }) =>
        Effect.gen(function*() {
          for (let run = 1; run <= 300; run++) happened(journal, run)
          yield* settled
          assert.deepStrictEqual(runsOf(plane.taken.map(({ payload }) => payload)), runs(1, 300))
          assert.isAtMost(plane.maxAtOnce, 64)
          assert.isAbove(plane.maxAtOnce, 16)
        }))
      yield* life(plane, ({ journal, status }) =>
        Effect.gen(function*() {
          happened(journal, 301)
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(runsOf(plane.taken.map(({ payload }) => payload)), runs(1, 301))
          assert.strictEqual(status().push.state, "ready")
        }))
    }).pipe(Effect.provide(Database)))

  it.effect("wait for days for a plane that is away, with a try each 30 s, and then go out in order", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.answer = () => ({ takes: false, failure: refusal("unavailable") })
      yield* life(plane, ({ journal, status }) =>
        Effect.gen(function*() {
          for (let run = 1; run <= 500; run++) happened(journal, run)
          yield* TestClock.adjust("3 days")
          assert.isAtMost(plane.attempts, 3 * 24 * 60 * 2 + 10)
          assert.isAtLeast(plane.attempts, 3 * 24 * 60 * 2 - 10)
          assert.strictEqual(status().push.state, "waiting")
          plane.answer = () => ({ takes: true })
          yield* TestClock.adjust("1 minute")
          yield* settled
          assert.deepStrictEqual(runsOf(plane.taken.map(({ payload }) => payload)), runs(1, 500))
        }))
    }).pipe(Effect.provide(Database)))

  it.effect("that retention took while the plane was away have a gap in their place", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.answer = () => ({ takes: false, failure: refusal("unavailable") })
      yield* life(plane, ({ journal }) =>
        Effect.gen(function*() {
          for (let run = 1; run <= 20; run++) happened(journal, run)
          yield* TestClock.adjust("8 days")
          happened(journal, 21)
          yield* TestClock.adjust("1 minute")
        }))
      plane.answer = () => ({ takes: true })
      yield* life(plane, () =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(runsOf(plane.deduped), ["gap 1-20", "r-21"])
        }))
    }).pipe(Effect.provide(Database)))

  it.effect("that the plane refuses for good are left out, with a gap in their place", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.answer = ({ payload, type }) =>
        type !== "gap" && payload.includes("\"r-7\"")
          ? { takes: false, failure: refusal("invalid argument") }
          : { takes: true }
      yield* life(plane, ({ journal, status }) =>
        Effect.gen(function*() {
          for (let run = 1; run <= 9; run++) happened(journal, run)
          yield* TestClock.adjust("1 minute")
          assert.sameMembers([...runsOf(plane.deduped)], [...runs(1, 6), "gap 7-7", "r-8", "r-9"])
          assert.strictEqual(status().push.skipped, 1)
          assert.strictEqual(status().push.pushed, 9)
        }))
    }).pipe(Effect.provide(Database)))

  it.effect.each<[PlaneStatus, string, number]>([
    ["unavailable", "waiting", 9],
    ["deadline exceeded", "waiting", 9],
    ["resource exhausted", "waiting", 9],
    ["other", "waiting", 9],
    ["permission denied", "held", 2],
    ["not found", "held", 2],
    ["unauthenticated", "held", 2],
    ["unimplemented", "off", 2]
  ])("are refused with %s", ([status, state, maxAttempts]) =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.answer = () => ({ takes: false, failure: refusal(status) })
      yield* life(plane, ({ journal, status }) =>
        Effect.gen(function*() {
          happened(journal, 1)
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual(status().push.state, state)
          assert.isAtMost(plane.attempts, maxAttempts)
          plane.answer = () => ({ takes: true })
          yield* TestClock.adjust("6 minutes")
          assert.strictEqual(status().push.state, "ready")
          assert.deepStrictEqual(runsOf(plane.taken.map(({ payload }) => payload)), ["r-1"])
        }))
    }).pipe(Effect.provide(Database)))

  it.effect("of other types, and of other agents, stay here", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      yield* life(plane, ({ journal, status }) =>
        Effect.gen(function*() {
          happened(journal, 1)
          const moved = { from: "Shared", event: "Attach", to: "Active", epoch: 1, cause: "api" }
          for (const agent of ["mine", "theirs"]) {
            journal.append({ type: "context.moved", subject: `agent/${agent}`, session: undefined, payload: moved })
          }
          journal.append({
            type: "inbox.received",
            subject: "agent/mine",
            session: undefined,
            payload: { id: "m", from: "f" }
          })
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(plane.taken.map(({ type }) => type), ["run.started", "context.moved"])
          assert.strictEqual(status().push.pushed, 4)
        }), { push: ["run.*", "context.moved"], agents: ["mine"] })
    }).pipe(Effect.provide(Database)))

  it.effect("have their order and lose nothing, however the plane fails and the daemon ends", () =>
    Effect.gen(function*() {
      for (let seed = 1; seed <= depth({ short: 6, drill: 400 }); seed++) {
        const chance = new Dice(`uplink ${seed}`)
        const roll = (sides: number) => chance.between(0, sides - 1)
        const plane = new ScriptedPlane()
        const failures = [
          refusal("unavailable"),
          refusal("deadline exceeded"),
          refusal("unauthenticated"),
          refusal("other")
        ]
        let down = false
        plane.answer = () => {
          // A plane that is down takes nothing; what it answers last may be lost.
          if (down) return { takes: false, failure: failures[roll(4)]! }
          if (roll(10) > 0) return { takes: true }
          down = true
          return { takes: roll(2) === 0, failure: failures[roll(4)]! }
        }
        let run = 0
        yield* Effect.gen(function*() {
          for (let round = 0; round < 6; round++) {
            yield* life(plane, ({ journal }) =>
              Effect.gen(function*() {
                for (let some = roll(40); some > 0; some--) happened(journal, ++run)
                yield* TestClock.adjust(roll(3) * 400)
                down = false
                yield* TestClock.adjust(roll(3) * 40_000)
              }), { inFlight: 1 + roll(64) })
          }
          plane.answer = () => ({ takes: true })
          yield* life(plane, () => Effect.andThen(TestClock.adjust("10 minutes"), settled))
        }).pipe(Effect.provide(Layer.fresh(Database)))
        assert.deepStrictEqual(runsOf(plane.deduped), runs(1, run), `seed ${seed}`)
      }
    }))
})

describe("an uplink's messages", () => {
  it.effect("are in the inbox once, over lost watches and restarts", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      yield* life(plane, ({ inbox, status }) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          assert.strictEqual(status().watch.state, "ready")
          plane.say(user(1, "one"))
          plane.say({ id: "x", seq: 2, type: "run.started", payload: "{}" })
          plane.say(user(3, "three"))
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* bodies(inbox), ["one", "three"])
          yield* plane.endWatch(refusal("unavailable"))
          yield* TestClock.adjust("500 millis")
          assert.strictEqual(status().watch.state, "waiting")
          plane.messages.push(user(4, "four"))
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual(yield* bodies(inbox), ["one", "three", "four"])
        }))
      plane.messages.push(user(5, "five"))
      yield* life(plane, ({ inbox }) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* bodies(inbox), ["one", "three", "four", "five"])
          assert.strictEqual(plane.watchedFrom.at(-1), 4)
        }))
    }).pipe(Effect.provide(Database)))

  it.effect("wait at the plane while the inbox is full", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.messages = [user(1, "one"), user(2, "two"), user(3, "three")]
      yield* life(
        plane,
        ({ inbox, status }) =>
          Effect.gen(function*() {
            yield* TestClock.adjust("1 minute")
            assert.deepStrictEqual(yield* bodies(inbox), ["one", "two"])
            assert.include(status().watch.why, "full")
            yield* inbox.read("platform:id-1")
            yield* TestClock.adjust("10 seconds")
            assert.deepStrictEqual(yield* bodies(inbox), ["one", "two", "three"])
            assert.strictEqual(status().watch.state, "ready")
          }),
        {},
        { inbox: { max: 2 } }
      )
    }).pipe(Effect.provide(Database)))

  it.effect("are another session's where the settings name another one", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.messages = [user(7, "old")]
      yield* life(plane, () => TestClock.adjust("1 second"))
      plane.messages = [{ ...user(1, "new"), id: "other" }]
      yield* life(plane, ({ inbox }) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* bodies(inbox), ["old", "new"])
        }), { session: "s-2" })
    }).pipe(Effect.provide(Database)))

  it.effect("that are too long are cut, and such as no inbox takes stop nothing", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.messages = [user(1, ""), { ...user(2, "x".repeat(5000)), id: "with spaces" }, user(3, "three")]
      yield* life(
        plane,
        ({ inbox }) =>
          Effect.gen(function*() {
            yield* TestClock.adjust("1 second")
            const [long, last] = yield* bodies(inbox)
            assert.isAtMost(long?.length ?? 0, 1000)
            assert.include(long, "the message has 5000 bytes")
            assert.strictEqual(last, "three")
          }),
        {},
        { inbox: { maxBody: "1 kB" } }
      )
    }).pipe(Effect.provide(Database)))
})

describe("a credential that a plane pushes", () => {
  const credential = (seq: number, token: string) => ({
    id: `c-${seq}`,
    seq,
    type: "credential",
    payload: JSON.stringify({ name: "relay", token })
  })

  it.effect("is in memory, and said again after a start, without the messages before it", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      const valueOf = (pushed: PushedCredentialsTable) => {
        const found = pushed.find("platform/relay")
        return found === undefined ? undefined : Redacted.value(found.value)
      }
      plane.messages = [user(1, "one"), credential(2, "t-1"), user(3, "three"), credential(4, "t-2"), user(5, "five")]
      yield* life(plane, ({ inbox, pushed, status }) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          assert.strictEqual(valueOf(pushed), "t-2")
          assert.deepStrictEqual(status().credentials, ["relay"])
          assert.deepStrictEqual(yield* bodies(inbox), ["one", "three", "five"])
        }))
      yield* life(plane, ({ inbox, pushed }) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          assert.strictEqual(plane.watchedFrom.at(-1), 3)
          assert.strictEqual(valueOf(pushed), "t-2")
          assert.deepStrictEqual(yield* bodies(inbox), ["one", "three", "five"])
        }))
      assert.notInclude(JSON.stringify(plane.taken), "t-2")
    }).pipe(Effect.provide(Database)))

  it.effect("that is none changes nothing", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      plane.messages = [
        { ...credential(1, "t"), payload: "{\"name\":\"relay\"}" },
        credential(2, "two words"),
        user(3, "b")
      ]
      yield* life(plane, ({ inbox, pushed }) =>
        Effect.gen(function*() {
          yield* TestClock.adjust("1 second")
          assert.isUndefined(pushed.find("platform/relay"))
          assert.deepStrictEqual(yield* bodies(inbox), ["b"])
        }))
    }).pipe(Effect.provide(Database)))

  it.effect("is one of 256, of 64 KiB at most: what is beyond is left out, and what is behind it comes", () =>
    Effect.gen(function*() {
      const plane = new ScriptedPlane()
      const named = (seq: number, name: string, token: string) => ({
        ...credential(seq, token),
        payload: JSON.stringify({ name, token })
      })
      plane.messages = [
        named(1, "long", "x".repeat(64 * 1024 + 1)),
        ...Array.from({ length: 300 }, (_, index) => named(index + 2, `c${index}`, "t")),
        named(302, "c0", "again"),
        user(303, "behind")
      ]
      yield* life(plane, ({ inbox, pushed, status }) =>
        Effect.gen(function*() {
          yield* TestClock.withLive(eventually("the message behind", bodies(inbox), (all) => all.length > 0))
          assert.deepStrictEqual(yield* bodies(inbox), ["behind"])
          assert.lengthOf(status().credentials, 256)
          assert.isUndefined(pushed.find("platform/long"))
          assert.isDefined(pushed.find("platform/c255"))
          assert.isUndefined(pushed.find("platform/c256"))
          const first = pushed.find("platform/c0")
          assert.strictEqual(first === undefined ? "" : Redacted.value(first.value), "again")
        }))
    }).pipe(Effect.provide(Database)))
})

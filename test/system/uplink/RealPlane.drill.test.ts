import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schedule, Schema, type Scope } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { defaultAgent } from "../../../src/domain/Ids.ts"
import { Inbox } from "../../../src/inbox/Inbox.ts"
import { Journal } from "../../../src/journal/Journal.ts"
import * as Migrations from "../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../src/storage/SqliteClient.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { PushedCredentials, PushedCredentialsTable } from "../../../src/token/sources/UplinkSource.ts"
import * as Uplinks from "../../../src/uplink/Uplinks.ts"
import { UplinkStates, type UplinkStatus, UplinkStatusTable } from "../../../src/uplink/UplinkStatus.ts"
import { eventually } from "../../support/eventually.ts"
import { PlaneProcess } from "../../support/PlaneProcess.ts"
import { selfSigned } from "../../support/selfSigned.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

interface Life {
  readonly journal: Journal["Service"]
  readonly inbox: Inbox["Service"]
  readonly status: Effect.Effect<UplinkStatus>
}

type UplinkInput = Partial<NonNullable<Parameters<typeof settingsFrom>[0]["uplinks"]>[string]>

/** A start of the uplink over a real connection and a real file. */
const life = <A, E>(
  directory: string,
  plane: PlaneProcess,
  test: (life: Life) => Effect.Effect<A, E, Scope.Scope>,
  uplink: UplinkInput = {}
) =>
  Effect.suspend(() => {
    const states = new UplinkStatusTable()
    const settings = settingsFrom({
      uplinks: { platform: { url: plane.url, session: "s-1", push: ["run.*"], timeout: "300 millis", ...uplink } }
    })
    const database = Migrations.layer.pipe(
      Layer.provideMerge(SqliteClient.layer({ filename: join(directory, "holdfast.db") }))
    )
    return Effect.gen(function*() {
      const journal = yield* Journal
      const inbox = yield* Inbox
      return yield* test({
        journal,
        inbox,
        status: Effect.sync(() => states.all[0]!).pipe(
          Effect.repeat({ while: (status) => status === undefined, schedule: Schedule.spaced("20 millis") })
        )
      })
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.fresh(Uplinks.layer).pipe(
          Layer.provideMerge(Layer.mergeAll(Layer.fresh(Inbox.layer), Layer.fresh(Journal.layer))),
          Layer.provideMerge(Layer.mergeAll(Layer.fresh(Supervisor.layer), Layer.fresh(database))),
          Layer.provide(Layer.succeed(Settings, settings))
        )
      ),
      Effect.provideService(UplinkStates, states),
      Effect.provideService(PushedCredentials, new PushedCredentialsTable())
    )
  })

const happen = (journal: Journal["Service"], from: number, to: number) => {
  for (let run = from; run <= to; run++) {
    journal.append({
      type: "run.started",
      subject: "daemon",
      session: undefined,
      payload: { run: `r-${run}`, holder: 1 }
    })
  }
}

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({
  payload: Schema.Struct({ run: Schema.optionalKey(Schema.String) })
})))
/** What was told of: a run by its name, or a gap. */
const runOf = ({ payload }: { readonly payload: string }): string => decode(payload).payload.run ?? "gap"
const runs = (to: number) => Array.from({ length: to }, (_, index) => `r-${index + 1}`)
/** Each once, in the order of its first coming. */
const firsts = (names: ReadonlyArray<string>) => [...new Set(names)]

const arrived = (plane: PlaneProcess, run: number) =>
  eventually(
    `record ${run}`,
    Effect.sync(() => plane.records),
    (records) => records.some((record) => runOf(record) === `r-${run}`)
  )

const bodies = ({ inbox }: Life) =>
  Effect.map(inbox.list({ agent: defaultAgent, limit: 100 }), (all) => all.map(({ body }) => Option.getOrNull(body)))

describe("an uplink to a real control plane", () => {
  it.live.each([{ dedupe: true }, { dedupe: false }])(
    "loses and reorders nothing where the plane is killed at each step (dedupes: $dedupe), and doubles only where it does not",
    ({ dedupe }) =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const plane = yield* PlaneProcess.start(directory, dedupe)
        yield* life(directory, plane, ({ journal }) =>
          Effect.gen(function*() {
            happen(journal, 1, 20)
            yield* arrived(plane, 20)
            let last = 20
            for (const after of [false, true]) {
              for (const push of [1, 9]) {
                yield* plane.order({ killAt: { push, after } })
                happen(journal, last + 1, last + 30)
                last += 30
                yield* plane.ended
                yield* plane.restart
                yield* arrived(plane, last)
              }
            }
            const names = plane.records.map(runOf)
            assert.deepStrictEqual(firsts(names), runs(last))
            if (dedupe) assert.deepStrictEqual(names, runs(last))
          }))
        // Another life goes on behind the cursor.
        yield* life(directory, plane, ({ journal }) =>
          Effect.gen(function*() {
            happen(journal, 141, 141)
            yield* arrived(plane, 141)
            assert.deepStrictEqual(firsts(plane.records.map(runOf)), runs(141))
          }))
      }),
    180_000
  )

  it.live.each([
    { name: "UNAVAILABLE", code: 14, state: "waiting" },
    { name: "DEADLINE_EXCEEDED", code: 4, state: "waiting" },
    { name: "RESOURCE_EXHAUSTED", code: 8, state: "waiting" },
    { name: "INTERNAL", code: 13, state: "waiting" },
    { name: "PERMISSION_DENIED", code: 7, state: "held" },
    { name: "NOT_FOUND", code: 5, state: "held" },
    { name: "UNAUTHENTICATED", code: 16, state: "held" },
    { name: "UNIMPLEMENTED", code: 12, state: "off" }
  ])("is $state where the plane answers $name", ({ code, state }) =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const plane = yield* PlaneProcess.start(directory)
      yield* plane.order({ refuse: code })
      yield* life(directory, plane, ({ journal, status }) =>
        Effect.gen(function*() {
          happen(journal, 1, 3)
          const refused = yield* eventually(
            "a refusal",
            status,
            ({ push, watch }) => push.state === state && watch.state === state
          )
          assert.include(refused.push.why, "as ordered")
          assert.deepStrictEqual(plane.records, [])
          if (state !== "waiting") return
          yield* plane.order({ refuse: 0 })
          yield* arrived(plane, 3)
          yield* eventually(
            "it is ready",
            status,
            ({ push, watch }) => push.state === "ready" && watch.state === "ready"
          )
        }))
    }), 30_000)

  it.live("sends again what a plane takes and does not answer, under the same keys", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const plane = yield* PlaneProcess.start(directory, false)
      yield* plane.order({ silent: true })
      yield* life(directory, plane, ({ journal, status }) =>
        Effect.gen(function*() {
          happen(journal, 1, 5)
          yield* eventually("a timeout", status, ({ push }) => push.why?.startsWith("deadline exceeded") === true)
          yield* plane.order({ silent: false })
          yield* arrived(plane, 5)
          yield* eventually("all acknowledged", status, ({ push }) => push.pushed === 5)
          const records = plane.records
          assert.deepStrictEqual(firsts(records.map(runOf)), runs(5))
          assert.isAbove(records.length, 5)
          assert.strictEqual(new Set(records.map(({ key }) => key)).size, 5)
        }))
    }), 30_000)

  it.live.each([
    { inFlight: 1, status: "RESOURCE_EXHAUSTED", code: 8 },
    { inFlight: 64, status: "RESOURCE_EXHAUSTED", code: 8 },
    { inFlight: 1, status: "INVALID_ARGUMENT", code: 3 },
    { inFlight: 64, status: "INVALID_ARGUMENT", code: 3 }
  ])(
    "loses and doubles nothing where a plane refuses one record among others ($status); with $inFlight in flight, only that one may come late",
    ({ code, inFlight }) =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const plane = yield* PlaneProcess.start(directory, false)
        yield* plane.order({ refuseAt: { push: 10, code } })
        yield* life(directory, plane, ({ journal, status }) =>
          Effect.gen(function*() {
            happen(journal, 1, 40)
            yield* eventually("all acknowledged", status, ({ push }) => push.pushed === 40)
            const names = plane.records.map(runOf)
            assert.strictEqual(names.length, 40)
            // A gap stands in the place of what is refused for good.
            const refused = code === 3 ? "gap" : "r-10"
            if (inFlight === 1) assert.deepStrictEqual(names, runs(40).map((name) => name === "r-10" ? refused : name))
            assert.deepStrictEqual(
              names.filter((name) => name !== refused),
              runs(40).filter((name) => name !== "r-10")
            )
            assert.include(names, refused)
          }), { inFlight })
      }),
    30_000
  )

  it.live(
    "speaks TLS with a plane whose certificate comes from the file that \"ca\" names, and with no other",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const [own, other] = [selfSigned(), selfSigned()]
        const file = (name: string, text: string) => {
          writeFileSync(join(directory, name), text, { mode: 0o600 })
          return join(directory, name)
        }
        const plane = yield* PlaneProcess.start(directory, true, file("plane.pem", `${own.key}${own.cert}`))
        const ca = file("ca.pem", own.cert)
        yield* plane.say("user", "over TLS")
        // The system's own do not know it, and neither does another one.
        for (const uplink of [{}, { ca: file("other.pem", other.cert) }]) {
          yield* life(directory, plane, ({ journal, status }) =>
            Effect.gen(function*() {
              happen(journal, 1, 1)
              const { push, watch } = yield* eventually(
                "a refusal",
                status,
                ({ push, watch }) => push.why !== undefined && watch.why !== undefined
              )
              assert.match(`${push.why} ${watch.why}`, /self.signed certificate.*self.signed certificate/)
              assert.deepStrictEqual([push.state, watch.state], ["waiting", "waiting"])
              assert.deepStrictEqual(plane.records, [])
            }), uplink)
        }
        yield* life(directory, plane, (life) =>
          Effect.gen(function*() {
            happen(life.journal, 3, 4)
            yield* eventually("all records", Effect.sync(() => plane.records.length), (count) => count === 4)
            yield* eventually("the message", bodies(life), (all) => all.length === 1)
            yield* plane.restart
            happen(life.journal, 5, 5)
            yield* arrived(plane, 5)
          }), { ca })
      }),
    60_000
  )

  it.live("is shown while the file that \"ca\" names cannot be read", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const plane = yield* PlaneProcess.start(directory)
      yield* life(directory, plane, ({ status }) =>
        Effect.gen(function*() {
          const { push, watch } = yield* status
          for (const { state, why } of [push, watch]) {
            assert.strictEqual(state, "waiting")
            assert.include(why, "nowhere.pem cannot be read")
          }
        }), { ca: join(directory, "nowhere.pem") })
    }))

  it.live("gets another token, once for all, where its own ends in the midst of a watch", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const plane = yield* PlaneProcess.start(directory)
      yield* plane.order({ token: "t-1" })
      yield* life(directory, plane, (life) =>
        Effect.gen(function*() {
          const { journal, status } = life
          happen(journal, 1, 10)
          yield* arrived(plane, 10)
          yield* plane.say("user", "before")
          yield* eventually("the first message", bodies(life), (all) => all.length === 1)
          const before = yield* plane.order({ token: "t-2" })
          yield* plane.say("user", "after")
          happen(journal, 11, 40)
          yield* arrived(plane, 40)
          yield* eventually("the second message", bodies(life), (all) => all.length === 2)
          assert.deepStrictEqual(yield* bodies(life), ["before", "after"])
          const { minted } = yield* plane.order({})
          assert.strictEqual(minted - before.minted, 1)
          assert.strictEqual((yield* status).push.state, "ready")
          assert.deepStrictEqual(plane.records.map(runOf), runs(40))
        }), { token: { url: plane.tokenUrl } })
    }), 30_000)

  it.live(
    "has each message in the inbox once, over kills of the plane and restarts of the daemon",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const plane = yield* PlaneProcess.start(directory)
        yield* plane.say("user", "one")
        yield* life(directory, plane, (life) =>
          Effect.gen(function*() {
            yield* eventually("the first message", bodies(life), (all) => all.length === 1)
            yield* plane.restart
            yield* plane.say("user", "two")
            yield* eventually("the second message", bodies(life), (all) => all.length === 2)
          }))
        yield* plane.say("user", "three")
        yield* life(directory, plane, (life) =>
          Effect.gen(function*() {
            yield* eventually("all messages", bodies(life), (all) => all.length === 4)
            assert.sameMembers([...yield* bodies(life)], ["one", "two", "three", "for you alone"])
          }), { inboxes: { default: "agent-7" } })
      }),
    30_000
  )
})

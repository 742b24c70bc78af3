/**
 * Calls of 30 minutes in simulated time, while agent, Holdfast and relay are killed at random. The relay is a double that
 * keeps what it was asked; all above it that decides on an answer is real, over one database that the kills do not end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { AgentName, defaultRelay, SessionId } from "../../../../src/domain/Ids.ts"
import * as Message from "../../../../src/domain/Message.ts"
import type { Answer, RequestContext } from "../../../../src/mcp/handlers/Handler.ts"
import type { LiveCall } from "../../../../src/mcp/handlers/LiveCall.ts"
import { LiveCalls } from "../../../../src/mcp/handlers/LiveCalls.ts"
import type { AgentSession } from "../../../../src/mcp/sessions/AgentSession.ts"
import { Outbox } from "../../../../src/outbox/Outbox.ts"
import { RelayLink } from "../../../../src/relay/link/RelayLink.ts"
import { RelayClient } from "../../../../src/relay/RelayClient.ts"
import { ConnectFailed, RelayFailure } from "../../../../src/relay/RelayFailure.ts"
import * as LeftCalls from "../../../../src/results/LeftCalls.ts"
import { Results } from "../../../../src/results/Results.ts"
import { Tasks } from "../../../../src/results/Tasks.ts"
import * as Migrations from "../../../../src/storage/Migrations.ts"
import * as SqliteClient from "../../../../src/storage/SqliteClient.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { Dice } from "../../../support/Dice.ts"

const minutes = 60_000
const lasts = 30 * minutes
const calls = 100
const agent = AgentName.make("default")

const Database = Migrations.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })))

/** What the relay was asked: when each call is done, and how often it was carried out. */
class LongRelay {
  readonly doneAt = new Map<string, number>()
  readonly carriedOut = new Map<string, number>()
  backAt = 0

  ask(text: string, now: number): void {
    this.carriedOut.set(text, (this.carriedOut.get(text) ?? 0) + 1)
    this.doneAt.set(text, now + lasts)
  }
}

const answerText = (text: string) => `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${text}"}]}}`
const lostText = `{"jsonrpc":"2.0","id":1,"error":{"code":-31002,"message":"lost","data":{"delivery":"unknown"}}}`
const answer = (text: string, outcome: Answer["outcome"] = "answered"): Answer => ({
  outcome,
  status: 200,
  headers: {},
  body: { _tag: "Whole", text }
})

const away = new RelayFailure({ reason: new ConnectFailed({ detail: "refused" }) })

const oneLife = (relay: LongRelay) =>
  Layer.mergeAll(LiveCalls.layer, LeftCalls.layer).pipe(
    Layer.provideMerge(Tasks.layer),
    Layer.provideMerge(Results.layer),
    Layer.provideMerge(Layer.mergeAll(
      Layer.mock(RelayClient, {
        resume: Effect.fnUntraced(function*(_, { eventId }) {
          const now = yield* Clock.currentTimeMillis
          if (now < relay.backAt) return yield* away
          yield* Effect.sleep(Math.max(0, (relay.doneAt.get(eventId) ?? 0) - now))
          return answerText(eventId)
        })
      }),
      Layer.mock(RelayLink, { awaitUp: Effect.void }),
      Layer.mock(Outbox, { desert: () => {}, hasUnreported: () => false })
    )),
    Layer.provideMerge(Layer.provideMerge(Deadlines.layer, Supervisor.layer)),
    Layer.provide(Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} })),
    Layer.provide(Layer.succeed(Settings, settingsFrom({}))),
    Layer.fresh
  )

/** As much of a session as a call needs. */
const session = { id: SessionId.make("s"), agent, isStopping: false } as AgentSession

const contextOf = (text: string): RequestContext => {
  const params = { name: "long", arguments: { text }, _meta: { "claudecode/toolUseId": `toolu_${text}_0123456789` } }
  const parsed = Message.parse(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }))
  if (parsed._tag === "Failure" || parsed.success._tag !== "Request") throw new Error("no request")
  return {
    session,
    request: parsed.success,
    headers: {},
    name: "1",
    relayId: undefined,
    batched: false,
    trace: undefined
  }
}

const play = Effect.fnUntraced(function*(text: string, dice: Dice) {
  const relay = new LongRelay()
  const given: Array<string> = []
  let agentLives = true
  let life: {
    readonly scope: Scope.Closeable
    readonly calls: LiveCalls["Service"]
    readonly results: Results["Service"]
  }
  let waiting: { readonly call: LiveCall; readonly fiber: Fiber.Fiber<void> } | undefined

  const start = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const services = yield* Layer.build(oneLife(relay)).pipe(Scope.provide(scope))
    const { calls, results } = yield* Effect.provide(Effect.all({ calls: LiveCalls, results: Results }), services)
    life = { scope, calls, results }
  })

  /** As the dispatcher and the handler of calls go about it. */
  const make = Effect.gen(function*() {
    const call = life.calls.begin(contextOf(text))
    const first = life.calls.sameAs(call)
    const run = Effect.gen(function*() {
      const kept = first === undefined ? yield* life.calls.kept(call) : undefined
      let came = kept === undefined ? undefined : answer(kept)
      if (came === undefined) {
        call.sent()
        relay.ask(text, yield* Clock.currentTimeMillis)
        call.resumable({ session: "r", protocolVersion: "2025-11-25", eventId: text, id: "1" })
        yield* Effect.sleep(lasts)
        came = answer(answerText(text))
      }
      yield* ended(call, came)
    })
    waiting = { call, fiber: yield* Effect.forkDetach(run, { startImmediately: true }) }
  })

  const ended = (call: LiveCall, came: Answer) =>
    Effect.sync(() => {
      call.answered(came)
      if (agentLives) given.push(came.body._tag === "Whole" ? came.body.text : "")
      else call.missed(came)
      call.ended(false)
      waiting = undefined
    })

  const kill: Record<"agent" | "Holdfast" | "relay", Effect.Effect<void, never, SqlClient.SqlClient>> = {
    agent: Effect.sync(() => {
      agentLives = false
      waiting?.call.gone()
    }),
    relay: Effect.gen(function*() {
      relay.backAt = (yield* Clock.currentTimeMillis) + dice.between(1, 3 * minutes)
      if (waiting === undefined) return
      const { call, fiber } = waiting
      yield* Fiber.interrupt(fiber)
      if (!relay.doneAt.has(text)) return
      yield* ended(call, answer(lostText, "error"))
      // A client makes a call again whose outcome it does not know.
      if (agentLives) yield* make
    }),
    Holdfast: Effect.gen(function*() {
      if (waiting !== undefined) yield* Fiber.interrupt(waiting.fiber)
      waiting = undefined
      yield* Scope.close(life.scope, Exit.void)
      yield* start
      if (agentLives) yield* make
    })
  }

  yield* start
  yield* make
  const victims = [
    dice.of(["agent", "Holdfast", "relay"]),
    dice.of(["agent", "Holdfast", "relay"]),
    dice.of(["agent", "Holdfast", "relay"])
  ]
  const at = victims.map(() => dice.between(1_500, lasts - minutes)).sort((one, other) => one - other)
  let now = 0
  for (const [index, victim] of victims.entries()) {
    yield* TestClock.adjust(at[index]! - now)
    now = at[index]!
    yield* kill[victim as keyof typeof kill]
  }
  yield* TestClock.adjust(lasts + 10 * minutes)
  const { results } = life!
  const kept = yield* Effect.forEach(yield* results.list({ agent, limit: 10 }), ({ id }) => results.find(id, agent))
  const responses = kept.map((found) => Option.flatMap(found, ({ response }) => response))
  const read = [...given, ...responses.map((response) => Option.getOrElse(response, () => ""))]
  yield* Scope.close(life!.scope, Exit.void)
  return {
    told: victims.map((victim, index) => `${victim} at ${at[index]} ms`),
    isRead: read.some((one) => one.includes(`"text":"${text}"`)),
    carriedOut: relay.carriedOut.get(text)
  }
})

describe("calls of 30 minutes, while agent, Holdfast and relay are killed at random", () => {
  it.effect("have all their results read, each carried out once", () =>
    Effect.gen(function*() {
      for (let index = 0; index < calls; index++) {
        const ended = yield* Effect.provide(play(`call-${index}`, new Dice(`sim-${index}`)), Layer.fresh(Database))
        assert.isTrue(ended.isRead, `${index}: ${ended.told.join(", ")}`)
        assert.strictEqual(ended.carriedOut, 1, `${index}: ${ended.told.join(", ")}`)
      }
    }), 60_000)
})

/** A call that is at the relay, and what is on disk of it once all is written. */
const atRelay = Effect.gen(function*() {
  const services = yield* Layer.build(oneLife(new LongRelay()))
  const { calls, results } = yield* Effect.provide(Effect.all({ calls: LiveCalls, results: Results }), services)
  const call = calls.begin(contextOf("asks"))
  call.sent()
  const states = Effect.gen(function*() {
    yield* TestClock.adjust(1_500)
    return (yield* results.list({ agent, limit: 10 })).map(({ state }) => state)
  })
  assert.deepStrictEqual(yield* states, ["running"])
  return { call, states }
})

describe("a call whose agent is asked", () => {
  it.effect("is not on disk as under way until it is sent again", () =>
    Effect.gen(function*() {
      const { call, states } = yield* atRelay
      call.waitsForAnswers()
      assert.deepStrictEqual(yield* states, [])
      assert.isFalse(call.isAtRelay)
      call.sent()
      assert.deepStrictEqual(yield* states, ["running"])
      call.missed(answer(answerText("asks")))
      assert.deepStrictEqual(yield* states, ["answered"])
    }).pipe(Effect.provide(Layer.fresh(Database))))

  it.effect("has no result to keep in a question that comes when its agent is gone", () =>
    Effect.gen(function*() {
      const { call, states } = yield* atRelay
      call.gone()
      const question = answer(
        `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{},"requestState":"s"}}`
      )
      call.answered(question)
      call.missed(question)
      call.ended(false)
      assert.deepStrictEqual(yield* states, [])
    }).pipe(Effect.provide(Layer.fresh(Database))))
})

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../../../src/domain/Ids.ts"
import * as Message from "../../../../src/domain/Message.ts"
import { RunningCalls } from "../../../../src/mcp/handlers/AskedCall.ts"
import * as AskedCalls from "../../../../src/mcp/handlers/AskedCalls.ts"
import type { Ahead, Answer, AskedBy, Handler, RpcError } from "../../../../src/mcp/handlers/Handler.ts"
import type { SessionStream } from "../../../../src/mcp/handlers/SessionStream.ts"
import { SessionMenu } from "../../../../src/mcp/menu/SessionMenu.ts"
import { type AgentSession, contextPrefix } from "../../../../src/mcp/sessions/AgentSession.ts"
import { AskedCallStore, type StoredCall } from "../../../../src/mcp/sessions/AskedCallStore.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import { CachedLists, type ListKey } from "../../../../src/menu/CachedLists.ts"
import { LinkState, RelayLink } from "../../../../src/relay/link/RelayLink.ts"
import { RelayClient } from "../../../../src/relay/RelayClient.ts"
import { ConnectionLost, RelayFailure } from "../../../../src/relay/RelayFailure.ts"
import type { OpenRelaySession } from "../../../../src/relay/session/RelaySession.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { agentSession } from "../../../support/agentSession.ts"

const form = `{"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{"message":"Sure?"}}`
const yes = { action: "accept", content: { sure: true } }
const cutOff = new RelayFailure({ reason: new ConnectionLost({ detail: "reset" }) })

const requestOf = (text: string): Message.Request => {
  const parsed = Message.parse(text)
  return parsed._tag === "Success" && parsed.success._tag === "Request" ? parsed.success : assert.fail("no request")
}

/** One attempt at the relay, in the hands of the test. */
interface Attempt {
  readonly text: string
  /** The relay asks; whether the agent can be asked that. */
  readonly ask: (question?: string) => boolean
  readonly ends: (exit: Exit.Exit<Answer, RelayFailure>) => Effect.Effect<boolean>
  /** The relay's answer can be read on from here. */
  readonly resumable: (eventId: string) => void
}

/** One reading on of an answer that was under way in a life before. */
interface Resumed {
  readonly eventId: string
  readonly ask: (question?: string) => void
  readonly ends: (exit: Exit.Exit<string, RelayFailure>) => Effect.Effect<boolean>
}

const done: Answer = {
  outcome: "answered",
  status: 200,
  headers: {},
  body: { _tag: "Whole", text: `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}` }
}

const nothingAhead: Ahead = {
  offer: () => true,
  message: () => Effect.void,
  position: () => ({ stream: "", sequence: 0 }),
  relayStreams: () => {},
  relayPolls: () => {}
}

/** One life of Holdfast in front of a relay with sessions. Of its tools `read` may be repeated. */
const lifeOver = Effect.fnUntraced(function*(disk: Map<string, StoredCall>) {
  const told: Array<string> = []
  const attempts: Array<Attempt> = []
  const resumed: Array<Resumed> = []
  const open: OpenRelaySession = {
    agent: defaultAgent,
    id: Option.some("r"),
    protocolVersion: "2025-11-25",
    result: "{}",
    generation: 1
  }
  const services = yield* Layer.build(
    Layer.mergeAll(
      EventLogs.layer,
      Layer.mock(AskedCallStore, {
        save: (call) => Effect.sync(() => void disk.set(call.id, call)),
        find: (_, id) => Effect.sync(() => Option.fromUndefinedOr(disk.get(id))),
        remove: (id) => Effect.sync(() => void disk.delete(id))
      }),
      Layer.mock(RelayClient, {
        notify: (_, text) => Effect.sync(() => void told.push(text)),
        respond: (_, { eventId }, text) => Effect.sync(() => void told.push(`${eventId} ${text}`)),
        resume: Effect.fnUntraced(function*(_, { eventId }, options) {
          const ended = yield* Deferred.make<string, RelayFailure>()
          resumed.push({
            eventId,
            ask: (question = form) => options?.onMessage(requestOf(question)),
            ends: (exit) => Deferred.done(ended, exit)
          })
          options?.onOpen()
          return yield* Deferred.await(ended)
        })
      }),
      Layer.mock(RelayLink, { changes: Stream.make(LinkState.Up({ since: 0 })) }),
      Layer.mock(SessionMenu, { key: () => Effect.succeed({} as ListKey), ignoresListChanged: () => false }),
      Layer.mock(CachedLists, {
        tool: (_, name) =>
          Effect.succeedSome({
            name,
            declaresKey: false,
            idempotentHint: false,
            readOnlyHint: name === "read",
            requiresTask: false,
            neverQueued: false
          })
      }),
      Layer.provideMerge(Deadlines.layer, Supervisor.layer)
    ).pipe(
      Layer.provideMerge(Layer.mergeAll(
        Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} }),
        Layer.succeed(Settings, settingsFrom({}))
      )),
      Layer.fresh
    )
  )
  const streams: Pick<SessionStream, "listen" | "stopListening"> = {
    listen: () => Effect.void,
    stopListening: () => {}
  }
  const asked = yield* Effect.provide(
    AskedCalls.make(streams as SessionStream, new RunningCalls(), {
      received: (_, { message }, from, askedBy) => {
        if (message?._tag === "Request") askedBy?.(message, from)
        return undefined
      }
    }),
    services
  )

  const handler = asked.inRounds(({ request }, ahead) =>
    Effect.gen(function*() {
      const ended = yield* Deferred.make<Answer, RelayFailure>()
      const askedBy: AskedBy = ahead.askedBy?.() ?? assert.fail("the relay cannot ask")
      attempts.push({
        text: request.text,
        resumable: (eventId) =>
          ahead.resumable?.({ session: "r", protocolVersion: "2025-11-25", eventId, id: "\"h\"" }),
        ask: (question = form) => askedBy(requestOf(question), open),
        ends: (exit) => Deferred.done(ended, exit)
      })
      return yield* Deferred.await(ended)
    })
  ) satisfies Handler

  const session = (name = "1", capabilities: object = { elicitation: {} }) =>
    Effect.provide(agentSession({ id: `${contextPrefix}${name}`, capabilities, openNow: () => open }), services)

  /** A round of the agent: the call, and what is to go with it. */
  const round = (of: AgentSession, more: object = {}, tool = "write", id = 1) =>
    Effect.forkChild(
      Effect.scoped(handler({
        session: of,
        request: requestOf(JSON.stringify({
          jsonrpc: "2.0",
          id,
          method: "tools/call",
          params: { name: tool, arguments: {}, ...more }
        })),
        headers: {},
        name: `"modern-${id}"`,
        relayId: undefined,
        batched: false,
        trace: undefined
      }, nothingAhead)),
      { startImmediately: true }
    )

  return { told, attempts, resumed, session, round, continues: asked.continues }
})

const life = Effect.suspend(() => lifeOver(new Map()))

type Ended = Fiber.Fiber<Answer, RelayFailure | RpcError>

const messageOf = (fiber: Ended) =>
  Effect.map(Fiber.join(fiber), ({ body }) => JSON.parse(body._tag === "Whole" ? body.text : "{}"))

/** What the agent was asked: the one question's key, and the state that it is to bring with the answer. */
const askedIn = Effect.fnUntraced(function*(fiber: Ended) {
  const { result } = yield* messageOf(fiber)
  assert.strictEqual(result.resultType, "input_required")
  const keys = Object.keys(result.inputRequests)
  assert.lengthOf(keys, 1)
  const answered = (answer: object = yes) => ({
    requestState: result.requestState as string,
    inputResponses: { [keys[0]!]: answer }
  })
  return { answered, question: result.inputRequests[keys[0]!] }
})

const failureOf = (fiber: Ended) => Effect.flip(Fiber.join(fiber))

describe("a relay's questions to an agent without a session", () => {
  it.effect("are asked once and answered once, and its answer has the id of the agent's last round", () =>
    Effect.gen(function*() {
      const { attempts, continues, round, session, told } = yield* life
      const mine = yield* session()
      const first = yield* round(mine)
      const [attempt] = attempts
      assert.isTrue(attempt!.ask())
      const { answered, question } = yield* askedIn(first)
      assert.deepStrictEqual(question, { method: "elicitation/create", params: { message: "Sure?" } })
      assert.deepStrictEqual(told, [])
      const request = requestOf(JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: answered() }))
      assert.isTrue(continues({ session: mine, request }))

      const second = yield* round(mine, answered(), "write", 2)
      assert.deepStrictEqual(told.map((text) => JSON.parse(text)), [{ jsonrpc: "2.0", id: 5, result: yes }])
      yield* attempt!.ends(Exit.succeed(done))
      assert.strictEqual((yield* messageOf(second)).id, 2)
      assert.lengthOf(attempts, 1)
      assert.lengthOf(told, 1)
      assert.isFalse(continues({ session: mine, request }))
    }))

  it.effect("are none that its client does not declare", () =>
    Effect.gen(function*() {
      const { attempts, round, session } = yield* life
      const fiber = yield* round(yield* session("1", { roots: {} }))
      assert.isFalse(attempts[0]!.ask())
      yield* attempts[0]!.ends(Exit.succeed(done))
      assert.isDefined((yield* messageOf(fiber)).result.content)
    }))

  it.effect("are not asked again in another attempt at a call that may be repeated", () =>
    Effect.gen(function*() {
      const { attempts, round, session, told } = yield* life
      const mine = yield* session()
      const first = yield* round(mine, {}, "read")
      attempts[0]!.ask()
      const { answered } = yield* askedIn(first)
      const second = yield* round(mine, answered(), "read", 2)
      yield* attempts[0]!.ends(Exit.fail(cutOff))
      yield* TestClock.adjust("1 second")
      assert.lengthOf(attempts, 2)
      assert.notInclude(attempts[1]!.text, "inputResponses")
      assert.isTrue(attempts[1]!.ask())
      assert.deepStrictEqual(told.map((text) => JSON.parse(text).result), [yes, yes])
      yield* attempts[1]!.ends(Exit.succeed(done))
      assert.isDefined((yield* messageOf(second)).result.content)
    }))

  it.effect("end with their call where that may not be repeated", () =>
    Effect.gen(function*() {
      const { attempts, round, session } = yield* life
      const mine = yield* session()
      const first = yield* round(mine)
      attempts[0]!.ask()
      const { answered } = yield* askedIn(first)
      const second = yield* round(mine, answered(), "write", 2)
      yield* attempts[0]!.ends(Exit.fail(cutOff))
      assert.strictEqual(yield* failureOf(second), cutOff)
      assert.lengthOf(attempts, 1)
    }))
})

describe("after a restart of Holdfast", () => {
  it.effect("a call that may be repeated is, with what its agent answered; another is said to be lost", () =>
    Effect.gen(function*() {
      const before = yield* life
      const earlier = yield* before.session()
      const asked: Array<(answer?: object) => object> = []
      for (const tool of ["read", "write"]) {
        const fiber = yield* before.round(earlier, {}, tool)
        before.attempts.at(-1)!.ask()
        asked.push((yield* askedIn(fiber)).answered)
      }

      const { attempts, round, session, told } = yield* life
      const mine = yield* session()
      const again = yield* round(mine, asked[0]!(), "read")
      yield* TestClock.adjust("1 second")
      assert.isTrue(attempts[0]!.ask())
      assert.deepStrictEqual(told.map((text) => JSON.parse(text).result), [yes])
      yield* attempts[0]!.ends(Exit.succeed(done))
      assert.isDefined((yield* messageOf(again)).result.content)

      const lost = yield* failureOf(yield* round(mine, asked[1]!(), "write"))
      assert.include(lost.message, "restarted")
      assert.lengthOf(attempts, 1)
    }))
})

describe("the state of one agent's call", () => {
  it.effect("is no other session's: that neither answers it nor gets its answer", () =>
    Effect.gen(function*() {
      const { attempts, continues, round, session, told } = yield* life
      const mine = yield* session()
      const theirs = yield* session("2")
      const first = yield* round(mine)
      attempts[0]!.ask()
      const { answered } = yield* askedIn(first)
      const request = requestOf(JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: answered() }))
      assert.isFalse(continues({ session: theirs, request }))
      assert.include((yield* failureOf(yield* round(theirs, answered({ action: "decline" })))).message, "restarted")
      assert.deepStrictEqual(told, [])
      const second = yield* round(mine, answered(), "write", 2)
      yield* attempts[0]!.ends(Exit.succeed(done))
      assert.isDefined((yield* messageOf(second)).result.content)
    }))
})

describe("calls that wait for their agent", () => {
  it.effect("are 200 at most; those that were answered do not count", () =>
    Effect.gen(function*() {
      const { attempts, round, session } = yield* life
      const mine = yield* session()
      for (let made = 0; made < 300; made++) {
        const fiber = yield* round(mine)
        yield* attempts.at(-1)!.ends(Exit.succeed(done))
        yield* messageOf(fiber)
      }
      const waiting: Array<Ended> = []
      for (let made = 0; made < 200; made++) {
        waiting.push(yield* round(mine))
        attempts.at(-1)!.ask()
      }
      const { answered } = yield* askedIn(waiting[0]!)
      assert.include((yield* failureOf(yield* round(mine))).message, "200 calls wait")
      // Another session has its own, and one that goes on begins nothing.
      yield* round(yield* session("2"))
      const again = yield* round(mine, answered(), "write", 2)
      yield* attempts[300]!.ends(Exit.succeed(done))
      yield* messageOf(again)
      const more = yield* round(mine)
      attempts.at(-1)!.ask()
      yield* askedIn(more)
    }))

  it.effect("have their answer kept for ten minutes", () =>
    Effect.gen(function*() {
      const { attempts, round, session } = yield* life
      const mine = yield* session()
      const asked: Array<(answer?: object) => object> = []
      for (const attempt of [0, 1]) {
        const fiber = yield* round(mine)
        attempts[attempt]!.ask()
        asked.push((yield* askedIn(fiber)).answered)
        yield* attempts[attempt]!.ends(Exit.succeed(done))
      }
      yield* TestClock.adjust("9 minutes")
      assert.isDefined((yield* messageOf(yield* round(mine, asked[0]!()))).result.content)
      yield* TestClock.adjust("1 minute")
      assert.include((yield* failureOf(yield* round(mine, asked[1]!()))).message, "answers")
      assert.lengthOf(attempts, 2)
    }))

  it.effect("are cancelled with the agent's round, and not between its rounds", () =>
    Effect.gen(function*() {
      const { attempts, round, session } = yield* life
      const mine = yield* session()
      const first = yield* round(mine)
      attempts[0]!.ask()
      const { answered } = yield* askedIn(first)
      const second = yield* round(mine, answered(), "write", 2)
      yield* Fiber.interrupt(second)
      assert.include((yield* failureOf(yield* round(mine, answered()))).message, "answers")
      // Nothing waits for the relay any more.
      yield* attempts[0]!.ends(Exit.succeed(done))
      assert.lengthOf(attempts, 1)
    }))

  it.effect("go on in another life where the relay's answer can be read on: asked once, and carried out once", () =>
    Effect.gen(function*() {
      const disk = new Map<string, StoredCall>()
      const before = yield* lifeOver(disk)
      const first = yield* before.round(yield* before.session())
      before.attempts[0]!.ask()
      const { answered } = yield* askedIn(first)
      assert.strictEqual(disk.size, 0, "nothing could be read on")
      before.attempts[0]!.resumable("e1")
      assert.strictEqual([...disk.values()][0]?.point.eventId, "e1")

      const after = yield* lifeOver(disk)
      const mine = yield* after.session()
      const second = yield* after.round(mine, answered(), "write", 2)
      const [reading] = after.resumed
      assert.strictEqual(reading!.eventId, "e1")
      assert.deepStrictEqual(after.told, [`e1 {"jsonrpc":"2.0","id":5,"result":${JSON.stringify(yes)}}`])
      // The same round again belongs to the same call.
      const again = yield* after.round(mine, answered(), "write", 3)
      assert.lengthOf(after.resumed, 1)

      // In the same words the relay asks something else.
      reading!.ask()
      const { answered: answeredNext } = yield* askedIn(second)
      yield* askedIn(again)
      const third = yield* after.round(mine, answeredNext({ action: "decline" }), "write", 4)
      assert.lengthOf(after.told, 2)
      assert.include(after.told[1], "decline")
      yield* reading!.ends(Exit.succeed(`{"jsonrpc":"2.0","id":"h","result":{"content":[]}}`))
      assert.strictEqual((yield* messageOf(third)).id, 4)
      assert.strictEqual(disk.size, 0)
      assert.lengthOf(after.attempts, 0)
    }))

  it.effect("are lost in another life where the relay's answer cannot be read on, and the agent is told so", () =>
    Effect.gen(function*() {
      const disk = new Map<string, StoredCall>()
      const before = yield* lifeOver(disk)
      const first = yield* before.round(yield* before.session())
      before.attempts[0]!.resumable("e1")
      before.attempts[0]!.ask()
      const { answered } = yield* askedIn(first)
      const after = yield* lifeOver(disk)
      const second = yield* after.round(yield* after.session(), answered())
      yield* after.resumed[0]!.ends(Exit.fail(cutOff))
      const failure = yield* failureOf(second)
      assert.strictEqual(failure instanceof RelayFailure && failure.delivery, "unknown")
      assert.strictEqual(disk.size, 0)
    }))
})

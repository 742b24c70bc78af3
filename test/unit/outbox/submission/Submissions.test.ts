import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { Outbox, type Submission } from "../../../../src/outbox/Outbox.ts"
import { ConnectFailed, ConnectionLost, Forbidden, RateLimited } from "../../../../src/relay/RelayFailure.ts"
import { advance, idle } from "../../../support/outbox/advance.ts"
import {
  agent,
  call,
  keyed,
  keysSent,
  queue,
  session,
  states,
  submit,
  submitting
} from "../../../support/outbox/calls.ts"
import { answers, errs, fails, FakeRelay, ok, refuses, unreachable } from "../../../support/outbox/FakeRelay.ts"
import { outboxWith } from "../../../support/outbox/outboxWith.ts"

const text = (submission: Submission) => submission._tag === "Answered" ? submission.text : submission._tag
const acknowledged = (submission: Submission) =>
  submission._tag === "Queued" ? JSON.parse(submission.result).structuredContent : submission._tag

describe("submit", () => {
  it.effect("gives a live call the relay's answer under the agent's own id, and writes nothing", () =>
    Effect.gen(function*() {
      const outbox = yield* Outbox
      const relay = yield* FakeRelay
      const answer = yield* submit(call({ id: "12345678901234567890" }))
      assert.deepStrictEqual(answer, {
        _tag: "Answered",
        status: 200,
        text: "{\"jsonrpc\":\"2.0\",\"id\":12345678901234567890,\"result\":{\"content\":[]}}",
        replayed: false
      })
      yield* relay.behave(errs(-32000, "no"))
      assert.include(text(yield* submit(call({ id: "\"x\"" }))), "\"id\":\"x\",\"error\"")
      assert.deepStrictEqual(yield* outbox.list({}), [])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("queues while the link is Down, and says so in words and in structure", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a")
      const submission = yield* submit(keyed("b"))
      const { note, ...said } = acknowledged(submission)
      assert.deepStrictEqual(said, { queued: true, tool: "relay_send_message", idempotencyKey: "b", position: 2 })
      assert.match(note, /queued and safe on disk.*will be delivered.*Do not repeat it/)
      assert.deepStrictEqual(yield* states, ["a pending", "b pending"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("queues a live attempt that found the relay away, ahead of those that waited behind it", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave(() => Effect.andThen(Effect.sleep("3 seconds"), unreachable("")))
      const fibers = [yield* submitting(keyed("a")), yield* submitting(keyed("b")), yield* submitting(keyed("c"))]
      yield* relay.down
      yield* idle
      assert.deepStrictEqual(yield* states, ["b pending", "c pending"])
      yield* advance("3 seconds")
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map((one) => acknowledged(one).queued), [true, true, true])
      yield* relay.behave(answers)
      yield* relay.up
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["a", "a", "b", "c"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("waits in line for a live call, and goes live in order of arrival", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave((text) => Effect.as(Effect.sleep("3 seconds"), ok(text)))
      const fibers = [yield* submitting(keyed("a")), yield* submitting(keyed("b")), yield* submitting(keyed("c"))]
      assert.deepStrictEqual(yield* keysSent, ["a"])
      yield* advance("9 seconds")
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map((one) => one._tag), [
        "Answered",
        "Answered",
        "Answered"
      ])
      assert.deepStrictEqual((yield* relay.sent).map(({ at }) => at), [0, 3_000, 6_000])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("queues what waited 10 s for its lane, and all behind it", () =>
    Effect.gen(function*() {
      const outbox = yield* Outbox
      const relay = yield* FakeRelay
      const slow = yield* Effect.forkChild(
        outbox.submit(keyed("a"), (wire, onBytes) =>
          Effect.andThen(relay.receive(wire.text), Effect.void).pipe(
            Effect.andThen(
              Effect.repeat(Effect.andThen(Effect.sleep("5 seconds"), Effect.sync(onBytes)), { times: 5 })
            ),
            Effect.as(ok(wire.text))
          )),
        { startImmediately: true }
      )
      yield* idle
      const second = yield* submitting(keyed("b"))
      yield* advance("6 seconds")
      const third = yield* submitting(keyed("c"))
      yield* advance("4 seconds")
      assert.isTrue(acknowledged(yield* Fiber.join(second)).queued)
      assert.isTrue(acknowledged(yield* Fiber.join(third)).queued)
      assert.deepStrictEqual(yield* keysSent, ["a"])
      yield* advance("20 seconds")
      assert.strictEqual((yield* Fiber.join(slow))._tag, "Answered")
      yield* advance("1 second")
      assert.deepStrictEqual(yield* keysSent, ["a", "b", "c"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("hands a silent attempt over after 10 s; its late answer settles it, and nothing is sent twice", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.behave((text) => Effect.as(Effect.sleep("1 minute"), ok(text, "{\"content\":[],\"late\":1}")))
      const first = yield* submitting(keyed("a"))
      const second = yield* submitting(keyed("b"))
      yield* advance("10 seconds")
      assert.strictEqual(acknowledged(yield* Fiber.join(first)).position, 1)
      assert.strictEqual(acknowledged(yield* Fiber.join(second)).position, 2)
      assert.deepStrictEqual(yield* states, ["a inflight", "b pending"])
      yield* advance("49 seconds")
      assert.deepStrictEqual(yield* keysSent, ["a"])
      yield* relay.behave(answers)
      yield* advance("2 seconds")
      assert.deepStrictEqual(yield* keysSent, ["a", "b"])
      assert.deepStrictEqual(
        Option.getOrThrow(yield* outbox.find(1)).result,
        Option.some("{\"content\":[],\"late\":1}")
      )
    }).pipe(Effect.provide(outboxWith())))

  it.effect("puts a handed-over attempt that fails late back to the head of its lane", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave(() => Effect.andThen(Effect.sleep("1 minute"), unreachable("")))
      yield* submitting(keyed("a"))
      yield* submitting(keyed("b"))
      yield* advance("59 seconds")
      yield* relay.behave(answers)
      yield* advance("10 seconds")
      assert.deepStrictEqual(yield* keysSent, ["a", "a", "b"])
      assert.deepStrictEqual(yield* states, ["a delivered", "b delivered"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("tells the agent where an outcome is unknown and must stay so, and keeps a dead letter of it", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.behave(fails(new ConnectionLost({ detail: "reset" })))
      const submission = yield* submit(keyed("a", { declaresKey: false }))
      assert.strictEqual(submission._tag === "Failed" && submission.failure.delivery, "unknown")
      assert.deepStrictEqual(yield* states, ["a dead"])
      assert.deepStrictEqual(yield* outbox.unreported(agent), [])
      yield* relay.behave(fails(new ConnectFailed({ detail: "refused" })))
      assert.isTrue(acknowledged(yield* submit(keyed("b", { declaresKey: false }))).queued)
    }).pipe(Effect.provide(outboxWith())))

  it.effect("repeats an unknown outcome where the schema declares the key, a hint allows it, or the settings say so", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave(fails(new ConnectionLost({ detail: "reset" })))
      assert.isTrue(acknowledged(yield* submit(keyed("a"))).queued)
      yield* relay.down
      assert.isTrue(acknowledged(yield* submit(keyed("b", { declaresKey: false, idempotentHint: true }))).queued)
      const outbox = yield* Outbox
      assert.deepStrictEqual((yield* outbox.list({})).map(({ onUnknown }) => onUnknown), ["resend", "resend"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("tells a live caller of a 403 at once, and queues what a 429 asks to be sent later", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave(fails(new Forbidden({ detail: "not you" })))
      assert.strictEqual((yield* submit(keyed("a")))._tag, "Failed")
      yield* relay.behave(fails(new RateLimited({ retryAfterMillis: 30_000 })))
      assert.isTrue(acknowledged(yield* submit(keyed("b"))).queued)
      yield* relay.behave(answers)
      assert.isTrue(acknowledged(yield* submit(keyed("c"))).queued)
      yield* advance("31 seconds")
      assert.deepStrictEqual((yield* relay.sent).map(({ at, key }) => `${key} ${at}`), [
        "a 0",
        "b 0",
        "b 30000",
        "c 30000"
      ])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("names dead letters once, in the next acknowledgement of their agent", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a")
      yield* relay.behave(refuses("no such agent"))
      yield* relay.up
      yield* advance("1 second")
      yield* relay.down
      assert.include(acknowledged(yield* submit(keyed("b"))).note, "no such agent")
      assert.notInclude(acknowledged(yield* submit(keyed("c"))).note, "no such agent")
    }).pipe(Effect.provide(outboxWith())))

  it.effect("refuses beyond its bounds, and accepts again once there is room", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.down
      const large = yield* Effect.flip(submit(keyed("large", { args: { text: "x".repeat(5_000) } })))
      assert.strictEqual(large.reason, "too large")
      const exits = yield* Effect.forEach(["a", "b", "c", "d"], (key) => Effect.exit(submit(keyed(key))), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, true, true, false])
      assert.strictEqual((yield* Effect.flip(submit(keyed("e")))).reason, "full")
      assert.deepStrictEqual(yield* outbox.discard([2, 99], "to make room"), [2])
      assert.isTrue(acknowledged(yield* submit(keyed("e"))).queued)
      yield* relay.up
      yield* advance("1 second")
      const { bytes, delivered, oldestAt } = yield* outbox.stats
      assert.deepStrictEqual({ bytes, delivered, oldestAt }, { bytes: 0, delivered: 3, oldestAt: Option.none() })
    }).pipe(Effect.provide(outboxWith({ maxEntries: 3, maxEntryBytes: "4 KiB" }))))

  it.effect("drops a cancelled call that waits or is live, and comes too late for one on disk", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.behave(() => Effect.never)
      const live = yield* submitting(keyed("a", { id: "1" }))
      const waiting = yield* submitting(keyed("b", { id: "2" }))
      const last = yield* submitting(keyed("c", { id: "3" }))
      assert.deepStrictEqual(yield* outbox.cancel(session, "2"), Option.none())
      const wire = yield* outbox.cancel(session, "1")
      assert.deepStrictEqual(wire, Option.some(JSON.stringify(JSON.parse((yield* relay.sent)[0]?.text ?? "").id)))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(live)))
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
      yield* advance("10 seconds")
      assert.deepStrictEqual(yield* outbox.cancel(session, "3"), Option.none())
      assert.isTrue(acknowledged(yield* Fiber.join(last)).queued)
      assert.deepStrictEqual(yield* keysSent, ["a", "c"])
      assert.deepStrictEqual(yield* states, ["c inflight"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("goes on with a call whose client went away", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave(() => Effect.andThen(Effect.sleep("5 seconds"), unreachable("")))
      const fiber = yield* submitting(keyed("a"))
      yield* Fiber.interrupt(fiber)
      yield* relay.down
      yield* advance("5 seconds")
      assert.deepStrictEqual(yield* states, ["a pending"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("has everything on disk once it is drained, and gives answers that come within 5 s", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const outbox = yield* Outbox
      yield* relay.behave((text) =>
        text.includes("\"a\"") ? Effect.as(Effect.sleep("3 seconds"), ok(text)) : Effect.never
      )
      const fibers = [
        yield* submitting(keyed("a", { args: { to: "x" } })),
        yield* submitting(keyed("b", { args: { to: "y" } })),
        yield* submitting(keyed("c", { args: { to: "y" } }))
      ]
      const drained = yield* Effect.forkChild(outbox.drain)
      yield* idle
      assert.deepStrictEqual([...yield* states].sort(), ["a inflight", "b inflight", "c pending"])
      assert.strictEqual((yield* Effect.flip(submit(keyed("d")))).reason, "stopping")
      yield* advance("4900 millis")
      assert.isUndefined(drained.pollUnsafe())
      yield* advance("100 millis")
      yield* Fiber.join(drained)
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).map(({ _tag }) => _tag), ["Answered", "Queued", "Queued"])
      assert.deepStrictEqual([...yield* states].sort(), ["a delivered", "b inflight", "c pending"])
    }).pipe(Effect.provide(outboxWith({ lane: "to" }))))
})

describe("the same call again", () => {
  it.effect("joins the live attempt, each caller under its own id", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.behave((text) => Effect.as(Effect.sleep("3 seconds"), ok(text)))
      const first = yield* submitting(keyed("a", { id: "1" }))
      const second = yield* submitting(keyed("a", { id: "2" }))
      yield* advance("3 seconds")
      const replies = [yield* Fiber.join(first), yield* Fiber.join(second)]
      assert.deepStrictEqual(replies.map((reply) => JSON.parse(text(reply)).id), [1, 2])
      assert.deepStrictEqual(replies.map((reply) => reply._tag === "Answered" && reply.replayed), [false, true])
      assert.deepStrictEqual(yield* keysSent, ["a"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("is answered from memory for ten minutes where it was answered live", () =>
    Effect.gen(function*() {
      yield* submit(keyed("a", { id: "1" }))
      yield* advance("9 minutes")
      const again = yield* submit(keyed("a", { id: "2" }))
      assert.isTrue(again._tag === "Answered" && again.replayed)
      assert.include(text(again), "\"id\":2")
      yield* advance("2 minutes")
      yield* submit(keyed("a", { id: "3" }))
      assert.deepStrictEqual(yield* keysSent, ["a", "a"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("is acknowledged while it waits, is in flight or is held, and told its result or its end", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      yield* queue("a", "b")
      assert.strictEqual(acknowledged(yield* submit(keyed("b"))).position, 2)
      yield* relay.behave((text) =>
        text.includes("\"a\"")
          ? Effect.as(Effect.sleep("1 minute"), ok(text, "{\"content\":[],\"n\":1}"))
          : refuses("no")(text)
      )
      yield* relay.up
      yield* advance("1 second")
      assert.strictEqual(acknowledged(yield* submit(keyed("a"))).position, 1)
      yield* advance("1 minute")
      assert.strictEqual(
        text(yield* submit(keyed("a", { id: "7" }))),
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[],\"n\":1}}"
      )
      const dead = JSON.parse(text(yield* submit(keyed("b", { id: "8" }))))
      assert.strictEqual(dead.id, 8)
      assert.match(dead.error.message, /dead letter \(entry 2\): no\./)
      yield* relay.behave(fails(new Forbidden({ detail: "not you" })))
      yield* relay.down
      yield* queue("c")
      yield* relay.up
      yield* advance("1 second")
      assert.isTrue(acknowledged(yield* submit(keyed("c"))).queued)
      assert.deepStrictEqual(yield* states, ["a delivered", "b dead", "c held"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("is refused with other arguments, whatever became of the first", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      const other = (key: string) => Effect.flip(submit(keyed(key, { args: { text: "other" } })))
      yield* submit(keyed("a"))
      assert.strictEqual((yield* other("a")).reason, "key reused")
      yield* relay.down
      yield* queue("b")
      assert.strictEqual((yield* other("b")).reason, "key reused")
      yield* relay.up
      yield* relay.behave(() => Effect.never)
      yield* advance("5 seconds")
      yield* submitting(keyed("c", { args: { to: "elsewhere" } }))
      assert.strictEqual((yield* other("c")).reason, "key reused")
    }).pipe(Effect.provide(outboxWith({ lane: "to" }))))

  it.effect("is another call where the agent of that name is another one", () =>
    Effect.gen(function*() {
      const outbox = yield* Outbox
      const relay = yield* FakeRelay
      yield* submit(keyed("live"))
      yield* relay.down
      yield* queue("queued")
      yield* relay.up
      yield* advance("1 second")
      assert.strictEqual(yield* outbox.undelivered(agent), 0)
      yield* outbox.forget(agent)
      yield* queue("live", "queued")
      assert.deepStrictEqual(yield* keysSent, ["live", "queued", "live", "queued"])
    }).pipe(Effect.provide(outboxWith())))

  it.effect("is known by the client's own call id, also in another message", () =>
    Effect.gen(function*() {
      const relay = yield* FakeRelay
      yield* relay.down
      const made = (id: string, text: string) =>
        submit(call({ id, args: { text }, meta: { "claudecode/toolUseId": "t1" } }))
      const keys = [yield* made("1", "hi"), yield* made("2", "hi"), yield* made("3", "other")].map((one) =>
        acknowledged(one).idempotencyKey
      )
      assert.strictEqual(keys[0], keys[1])
      assert.notStrictEqual(keys[0], keys[2])
      assert.lengthOf(yield* states, 2)
    }).pipe(Effect.provide(outboxWith())))
})

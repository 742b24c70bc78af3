import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Option } from "effect"
import { Agent } from "node:http"
import { Settings } from "../../../../src/config/Settings.ts"
import { SessionId } from "../../../../src/domain/Ids.ts"
import { Responder, type ResponderServices } from "../../../../src/mcp/dispatch/Responder.ts"
import type { Gateway } from "../../../../src/mcp/Gateway.ts"
import { Endpoint } from "../../../../src/mcp/http/Endpoint.ts"
import type { EventLog } from "../../../../src/mcp/streams/EventLog.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import { OpenStreams } from "../../../../src/mcp/streams/OpenStreams.ts"
import { AnswerCutOff, RelayFailure } from "../../../../src/relay/RelayFailure.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { heapInUse } from "../../../support/collectGarbage.ts"
import { pulledFrom } from "../../../support/incoming.ts"
import { chunks, exchange, send } from "../../../support/RawClient.ts"
import { answerTo, endpoint } from "../../../support/ScriptedGateway.ts"

const session = SessionId.make("s")
const get = { method: "GET", headers: { "mcp-session-id": "s" } }
const answerText = answerTo("1", "done")
const whole = { outcome: "answered", status: 200, headers: {}, body: { _tag: "Whole", text: answerText } } as const

/** A gateway whose one answer is under way, in the hands of the test. */
const underWay = () => {
  const script: { services?: ResponderServices; streamAfter: number; gone: boolean } = { streamAfter: 0, gone: false }
  const responders: Array<Responder> = []
  const waiting: Array<(responder: Responder) => void> = []
  const post: Gateway["Service"]["post"] = (_, connection) => {
    const responder = new Responder(script.services ?? assert.fail("no services"), {
      connection,
      log: { session, requestId: "1" },
      priming: true,
      resumable: true,
      streamAfter: script.streamAfter,
      id: "1",
      onGone: () => {
        script.gone = true
      }
    })
    const next = waiting.shift()
    if (next === undefined) responders.push(responder)
    else next(responder)
  }
  const begin = Effect.gen(function*() {
    script.streamAfter = Duration.toMillis((yield* Settings).streams.answerAsStreamAfter)
    script.services = {
      deadlines: yield* Deadlines,
      logs: yield* EventLogs,
      openStreams: yield* OpenStreams,
      progressAfter: 50_000
    }
  })
  /** The responder of the next request. */
  const responder = Effect.callback<Responder>((resume) => {
    const here = responders.shift()
    if (here === undefined) waiting.push((responder) => resume(Effect.succeed(responder)))
    else resume(Effect.succeed(here))
  })
  return { post, begin, responder, script }
}

/** A gateway whose every session has the same stream. */
const streaming = () => {
  const script: { log?: EventLog; after: number; closed: number; streams?: OpenStreams["Service"] } = {
    after: 0,
    closed: 0
  }
  const gateway: Pick<Gateway["Service"], "openStream"> = {
    openStream: (_, connection) => {
      const { after, log, streams } = script
      if (log === undefined || streams === undefined) return assert.fail("no log")
      const onEnd = () => {
        script.closed++
      }
      const reader = log.reader(after)
      const stream = streams.open({
        connection,
        reader,
        first: ": connected\n\n",
        resumable: true,
        answers: false,
        onEnd
      })
      connection.answering = { gone: () => stream.close() }
    }
  }
  const begin = Effect.gen(function*() {
    const log = (yield* EventLogs).make({ session, shared: true })
    script.log = log
    script.streams = yield* OpenStreams
    return log
  })
  return { script, gateway, begin }
}

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), until(condition)))

const cutOff = new RelayFailure({ reason: new AnswerCutOff({ detail: "gone" }) })

describe("An answer under way", () => {
  it.live("is JSON in one piece when it comes whole", () => {
    const { begin, post, responder } = underWay()
    return Effect.gen(function*() {
      yield* begin
      const client = yield* Effect.forkChild(exchange())
      yield* (yield* responder).deliver(whole)
      const { headers, status, text } = yield* Fiber.join(client)
      assert.deepStrictEqual([status, text], [200, answerText])
      assert.strictEqual(headers["content-type"], "application/json")
      assert.strictEqual(headers["content-length"], String(answerText.length))
    }).pipe(Effect.provide(endpoint({ post })))
  })

  it.live("passes JSON on piece by piece, each before the next exists", () => {
    const { begin, post, responder } = underWay()
    return Effect.gen(function*() {
      yield* begin
      const pieces = yield* Effect.forEach([1, 2, 3], () => Deferred.make<Option.Option<Uint8Array>>())
      let pulled = 0
      const client = yield* Effect.forkChild(send())
      const delivering = yield* Effect.forkChild((yield* responder).deliver({
        ...whole,
        status: 201,
        body: { _tag: "Chunks", chunks: pulledFrom(Effect.suspend(() => Deferred.await(pieces[pulled++]!))) }
      }))
      yield* Deferred.succeed(pieces[0]!, Option.some(Buffer.from("{\"a\":")))
      const response = yield* Fiber.join(client)
      assert.strictEqual(response.statusCode, 201)
      const { next } = yield* chunks(response)
      assert.deepStrictEqual(yield* next, Option.some("{\"a\":"))
      yield* Deferred.succeed(pieces[1]!, Option.some(Buffer.from("1}")))
      assert.deepStrictEqual(yield* next, Option.some("1}"))
      yield* Deferred.succeed(pieces[2]!, Option.none())
      assert.deepStrictEqual(yield* next, Option.none())
      assert.isTrue(response.complete)
      yield* Fiber.join(delivering)
    }).pipe(Effect.provide(endpoint({ post })))
  })

  it.live("is an error in a 200 where JSON fails before its first piece, and a broken connection after it", () => {
    const { begin, post, responder } = underWay()
    return Effect.gen(function*() {
      yield* begin
      const first = yield* Effect.forkChild(exchange())
      yield* (yield* responder).deliver({ ...whole, body: { _tag: "Chunks", chunks: pulledFrom(Effect.fail(cutOff)) } })
      const replied = yield* Fiber.join(first)
      assert.strictEqual(replied.status, 200)
      assert.deepStrictEqual([JSON.parse(replied.text).id, JSON.parse(replied.text).error.code], [1, -31002])

      let pulled = 0
      const chunksThenFail = Effect.suspend(() =>
        pulled++ === 0 ? Effect.succeedSome(Buffer.from("{")) : Effect.delay(Effect.fail(cutOff), "10 millis")
      )
      const second = yield* Effect.forkChild(send())
      yield* (yield* responder).deliver({ ...whole, body: { _tag: "Chunks", chunks: pulledFrom(chunksThenFail) } })
      const response = yield* Fiber.join(second)
      const { next } = yield* chunks(response)
      assert.deepStrictEqual(yield* next, Option.some("{"))
      assert.deepStrictEqual(yield* next, Option.none())
      assert.isFalse(response.complete)
    }).pipe(Effect.provide(endpoint({ post })))
  })

  it.live("streams each event before the next is made, its head before the first", () => {
    const { begin, post, responder } = underWay()
    return Effect.gen(function*() {
      yield* begin
      const client = yield* Effect.forkChild(send())
      const answer = yield* responder
      answer.relayStreams()
      const response = yield* Fiber.join(client)
      assert.strictEqual(response.statusCode, 200)
      assert.strictEqual(response.headers["content-type"], "text/event-stream")
      assert.strictEqual(response.headers["cache-control"], "no-cache, no-transform")
      assert.strictEqual(response.headers["x-accel-buffering"], "no")
      const { next } = yield* chunks(response)
      const priming = Option.getOrThrow(yield* next)
      const stream = /^id: ([\w-]+)\.1\.MQ\nretry: 1000\ndata: \n\n$/.exec(priming)?.[1]
      assert.isDefined(stream)
      for (const [index, data] of ["one", "two"].entries()) {
        yield* answer.message(data)
        assert.deepStrictEqual(yield* next, Option.some(`id: ${stream}.${index + 2}.MQ\ndata: ${data}\n\n`))
      }
      yield* answer.deliver(whole)
      assert.deepStrictEqual(yield* next, Option.some(`id: ${stream}.4.MQ\ndata: ${answerText}\n\n`))
      assert.deepStrictEqual(yield* next, Option.none())
      assert.isTrue(response.complete)
    }).pipe(Effect.provide(endpoint({ post })))
  })

  it.live("becomes a stream with comments when it takes long", () => {
    const { begin, post, responder } = underWay()
    return Effect.gen(function*() {
      yield* begin
      const response = yield* send()
      assert.strictEqual(response.headers["content-type"], "text/event-stream")
      const { next } = yield* chunks(response)
      assert.match(Option.getOrThrow(yield* next), /retry: 1000/)
      assert.deepStrictEqual(yield* next, Option.some(": keep-alive\n\n"))
      assert.deepStrictEqual(yield* next, Option.some(": keep-alive\n\n"))
      yield* (yield* responder).deliver(whole)
      assert.include(Option.getOrThrow(yield* next), answerText)
    }).pipe(
      Effect.provide(endpoint({ post }, { streams: { answerAsStreamAfter: "30 millis", answerComment: "20 millis" } }))
    )
  })

  it.live("can be read on by another connection when its client goes away", () => {
    const { begin, post, responder, script } = underWay()
    return Effect.gen(function*() {
      yield* begin
      const stream = yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* Effect.forkChild(send())
        const answer = yield* responder
        answer.relayStreams()
        const { next } = yield* chunks(yield* Fiber.join(client))
        const id = /^id: ([\w-]+)\./.exec(Option.getOrThrow(yield* next))?.[1] ?? ""
        return { id, answer }
      }))
      yield* until(() => script.gone)
      yield* stream.answer.message("one")
      yield* stream.answer.deliver(whole)
      const again = ((yield* EventLogs).find(session, stream.id) ?? assert.fail("nothing is kept")).reader(1)
      assert.strictEqual(Option.getOrThrow(yield* again.next).data, "one")
      assert.strictEqual(Option.getOrThrow(yield* again.next).data, answerText)
      assert.isTrue(Option.isNone(yield* again.next))
    }).pipe(Effect.provide(endpoint({ post })))
  })

  it.live("reaches a slow client whole, however large its events are", () => {
    const { begin, post, responder } = underWay()
    return Effect.gen(function*() {
      yield* begin
      const client = yield* Effect.forkChild(send())
      const answer = yield* responder
      const producer = yield* Effect.forkChild(Effect.gen(function*() {
        for (let n = 0; n < 40; n++) yield* answer.message(`${n}`.padEnd(200_000, "x"))
        yield* answer.deliver(whole)
      }))
      const response = yield* Fiber.join(client)
      yield* Effect.sleep("100 millis")
      const text = yield* Effect.promise(async () => {
        let text = ""
        for await (const chunk of response) text += String(chunk)
        return text
      })
      yield* Fiber.join(producer)
      assert.notInclude(text, "holdfast-gap")
      assert.strictEqual(text.split("\n\n").length, 1 + 40 + 1 + 1)
      assert.include(text, answerText)
    }).pipe(Effect.provide(endpoint({ post })))
  })
})

describe("A session's own stream", () => {
  it.live("opens with a comment, passes events on as they come, and reports its end", () => {
    const { begin, gateway, script } = streaming()
    return Effect.gen(function*() {
      const log = yield* begin
      yield* Effect.scoped(Effect.gen(function*() {
        const { next } = yield* chunks(yield* send(get))
        assert.deepStrictEqual(yield* next, Option.some(": connected\n\n"))
        for (const [index, data] of ["one", "two"].entries()) {
          log.append(data)
          assert.deepStrictEqual(yield* next, Option.some(`id: ${log.id}.${index + 1}\ndata: ${data}\n\n`))
        }
        assert.strictEqual(script.closed, 0)
      }))
      yield* until(() => script.closed === 1)
    }).pipe(Effect.provide(endpoint(gateway)))
  })

  it.live("goes on from where the gateway says", () => {
    const { begin, gateway, script } = streaming()
    return Effect.gen(function*() {
      const log = yield* begin
      for (const data of ["one", "two", "three"]) log.append(data)
      log.end()
      script.after = 2
      assert.strictEqual((yield* exchange(get)).text, `: connected\n\nid: ${log.id}.3\ndata: three\n\n`)
    }).pipe(Effect.provide(endpoint(gateway)))
  })

  it.live("costs no more than its bound when its reader stalls, who then learns of the gap", () => {
    const { begin, gateway } = streaming()
    return Effect.gen(function*() {
      const log = yield* begin
      const response = yield* send(get)
      for (let n = 0; n < 400; n++) {
        log.append(`${n}`.padEnd(100_000, "x"))
        if (n % 10 === 0) yield* Effect.sleep("1 millis")
      }
      log.end()
      assert.isBelow(log.read, 400)
      const text = yield* Effect.promise(async () => {
        let text = ""
        for await (const chunk of response) text += String(chunk)
        return text
      })
      assert.match(text, /event: holdfast-gap\nid: .*\ndata: {"from":\d+,"to":\d+}/)
      assert.include(text, `id: ${log.id}.400\n`)
    }).pipe(Effect.provide(endpoint(gateway)))
  })

  it.live("is open a thousand times over in little memory, and each gets what is sent", () => {
    const { begin, gateway, script } = streaming()
    return Effect.gen(function*() {
      const log = yield* begin
      const before = heapInUse()
      const open = yield* Effect.forEach(
        Array.from({ length: 1000 }),
        () => Effect.flatMap(send(get), chunks),
        { concurrency: 50 }
      )
      yield* Effect.forEach(open, ({ next }) => next, { concurrency: "unbounded" })
      assert.isBelow(heapInUse() - before, 150 * 1024 * 1024)
      log.append("hello")
      const received = yield* Effect.forEach(open, ({ next }) => next, { concurrency: "unbounded" })
      assert.isTrue(received.every((chunk) => Option.getOrThrow(chunk).endsWith("data: hello\n\n")))
      yield* (yield* Endpoint).closeStreams
      const last = yield* Effect.forEach(open, ({ next }) => next, { concurrency: "unbounded" })
      assert.isTrue(last.every((chunk) => Option.getOrThrow(chunk) === "retry: 1000\n\n"))
      const ends = yield* Effect.forEach(open, ({ next }) => next, { concurrency: "unbounded" })
      assert.isTrue(ends.every(Option.isNone))
      yield* until(() => script.closed === 1000)
    }).pipe(Effect.provide(endpoint(gateway)))
  })

  it.live("is told to come back when one is opened while stopping", () => {
    const { begin, gateway, script } = streaming()
    return Effect.gen(function*() {
      yield* begin
      const endpoint = yield* Endpoint
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      yield* exchange({ agent })
      yield* endpoint.stopAccepting
      const { headers, text } = yield* exchange({ ...get, agent })
      assert.strictEqual(headers["content-type"], "text/event-stream")
      assert.strictEqual(text, "retry: 1000\n\n")
      assert.strictEqual(script.closed, 0)
    }).pipe(Effect.provide(endpoint(gateway)))
  })
})

/** What the link, the outbox and the sessions count on, of whichever transport a relay is reached by. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, type PlatformError, type Scope } from "effect"
import { defaultAgent } from "../../../../src/domain/Ids.ts"
import * as JsonText from "../../../../src/domain/JsonText.ts"
import { RelayEra } from "../../../../src/relay/link/RelayEra.ts"
import { RelayLink } from "../../../../src/relay/link/RelayLink.ts"
import { RelayProbe } from "../../../../src/relay/link/RelayProbe.ts"
import { RelayClient } from "../../../../src/relay/RelayClient.ts"
import { RelayFailure, Silent } from "../../../../src/relay/RelayFailure.ts"
import { RelaySessions } from "../../../../src/relay/session/RelaySession.ts"
import { wholeAnswer } from "../../../../src/relay/transport/AnswerReading.ts"
import { type Attempt, RelayTransport } from "../../../../src/relay/transport/RelayTransport.ts"
import * as transportFor from "../../../../src/relay/transportFor.ts"
import * as Database from "../../../../src/storage/Database.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { aboveTransport, liveToken, Tokens } from "../../../support/relay/relayLayers.ts"
import { handshake, json, scriptedRelay, target } from "../../../support/relay/ScriptedRelay.ts"
import { socketDouble } from "../../../support/relay/SocketPeer.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"

type Mood = "well" | "loses the session" | "breaks off" | "is busy" | "hangs" | "knows nobody"

interface Relay {
  readonly url: URL
  mood: Mood
  /** Texts of the messages that it carried out. */
  readonly taken: Array<string>
}

const overHttp: Effect.Effect<Relay, never, Scope.Scope> = Effect.gen(function*() {
  let sessions = 0
  const taken: Array<string> = []
  const scripted = yield* scriptedRelay((request, response) => {
    const { mood } = relay
    if (request.rpc === "initialize" && mood === "loses the session") relay.mood = "well"
    if (request.rpc === "initialize") sessions++
    if (handshake(request, response, `s${sessions}`)) return
    const id = JSON.parse(request.id)
    if (request.rpc !== "tools/call") {
      return json(response, request.method === "GET" ? 405 : 200, { jsonrpc: "2.0", id, result: {} })
    }
    switch (mood) {
      case "loses the session":
        return json(response, 404, { jsonrpc: "2.0", id: null, error: { code: -32001, message: "session not found" } })
      case "breaks off":
        return void response.socket?.destroy()
      case "is busy":
        return json(response, 429, {}, { "retry-after": "2" })
      case "knows nobody":
        return json(response, 401, {})
      case "hangs":
        return undefined
      case "well":
        taken.push(JSON.parse(request.body).params.arguments.text)
        return json(response, 200, { jsonrpc: "2.0", id, result: { content: [] } })
    }
  })
  const relay: Relay = { url: scripted.url, mood: "well", taken }
  return relay
})

const overSocket: Effect.Effect<Relay, PlatformError.PlatformError, Scope.Scope> = Effect.gen(function*() {
  let sessions = 0
  const taken: Array<string> = []
  const double = yield* socketDouble((frame, peer) => {
    if (frame.type === "HELLO") {
      if (relay.mood === "loses the session") relay.mood = "well"
      peer.send("WELCOME", { session_id: `s${++sessions}` })
      return true
    }
    if (frame.type !== "SEND") return relay.mood === "hangs" && frame.type === "STATUS"
    switch (relay.mood) {
      case "loses the session":
        peer.send("NACK", { ack_id: frame.id, code: "STALE" })
        return true
      case "breaks off":
        peer.socket.destroy()
        return true
      case "is busy":
        peer.send("BUSY", { retry_after_ms: 2000 })
        peer.send("NACK", { ack_id: frame.id, code: "BUSY" })
        return true
      case "knows nobody":
        peer.send("ERROR", { code: "UNAUTHORIZED", replyTo: frame.id })
        return true
      case "hangs":
        return true
      case "well":
        taken.push(frame.payload.body)
        return false
    }
  })
  const relay: Relay = { url: double.url, mood: "well", taken }
  return relay
})

const layerTo = (url: URL) =>
  transportFor.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(
      target(url),
      Layer.orDie(Database.layerMemory),
      Layer.provideMerge(Deadlines.layer, Supervisor.layer)
    ))
  )

/** With all that stands above the transport. */
const wholeTo = (url: URL) =>
  aboveTransport.pipe(
    Layer.provideMerge(RelayProbe.layer),
    Layer.provideMerge(RelayEra.layer),
    Layer.provideMerge(layerTo(url)),
    Layer.provideMerge(liveToken(new Tokens()))
  )

const attempt = (rest: Partial<Attempt>): Attempt => ({
  agent: defaultAgent,
  method: "POST",
  token: Option.none(),
  ...rest
})

const request = (method: string, params: object = {}, rest: Partial<Attempt> = {}) =>
  Effect.gen(function*() {
    const { send } = yield* RelayTransport
    const body = JSON.stringify({ jsonrpc: "2.0", id: "r-1", method, params })
    const answer = yield* send(attempt({ body, ...rest }))
    return { session: answer.session, response: yield* wholeAnswer(answer, `"r-1"`) }
  }).pipe(Effect.scoped)

const call = (text: string) => ({ name: "relay_send_message", arguments: { to: "bob", text } })
const initialize = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } }

describe.each([["Streamable HTTP", overHttp], ["a local socket", overSocket]] as const)(
  "a relay over %s",
  (_, started) => {
    const withRelay = <A, E>(
      run: (relay: Relay, session: string) => Effect.Effect<A, E, RelayTransport>
    ) =>
      Effect.gen(function*() {
        const relay = yield* started
        return yield* Effect.gen(function*() {
          const { session } = yield* request("initialize", initialize)
          return yield* run(relay, session ?? assert.fail("no session"))
        }).pipe(Effect.provide(layerTo(relay.url)))
      })

    const failing = (mood: Mood, watch?: Attempt["watch"]) =>
      withRelay((relay, session) =>
        Effect.gen(function*() {
          relay.mood = mood
          const params = call("x")
          return yield* Effect.flip(request("tools/call", params, { session, watch }))
        })
      )

    it.live("opens a session, and answers a call in it under its own id, once", () =>
      withRelay((relay, session) =>
        Effect.gen(function*() {
          assert.strictEqual(session, "s1")
          const { response } = yield* request("tools/call", call("hello"), { session })
          assert.strictEqual(response.id, `"r-1"`)
          assert.isUndefined(response.error)
          assert.deepStrictEqual(relay.taken, ["hello"])
          assert.isUndefined((yield* request("ping", {}, { session, probes: true })).response.error)
        })
      ))

    it.live("takes notifications without an answer, and has no stream of its own", () =>
      withRelay((_, session) =>
        Effect.gen(function*() {
          const { send } = yield* RelayTransport
          const body = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
          const answer = yield* Effect.scoped(send(attempt({ body, session })))
          assert.strictEqual(answer.body._tag, "Empty")
          const none = yield* Effect.flip(Effect.scoped(send(attempt({ method: "GET", session }))))
          assert.strictEqual(none.reason._tag, "NoStream")
          yield* Effect.exit(Effect.scoped(send(attempt({ method: "DELETE", session }))))
        })
      ))

    it.live("lost the session: not sent, and the next one is another", () =>
      withRelay((relay, session) =>
        Effect.gen(function*() {
          relay.mood = "loses the session"
          const lost = yield* Effect.flip(request("tools/call", call("x"), { session }))
          assert.strictEqual(lost.reason._tag, "SessionLost")
          assert.strictEqual(lost.delivery, "not sent")
          assert.strictEqual((yield* request("initialize", initialize)).session, "s2")
        })
      ))

    it.live("breaks off a call that it has read: nobody knows what became of it", () =>
      Effect.map(failing("breaks off"), (failure) => {
        assert.strictEqual(failure.delivery, "unknown")
        assert.isTrue(failure.downClass)
      }))

    it.live("asks to slow down: not sent, with the time that it named", () =>
      Effect.map(failing("is busy"), (failure) => {
        assert.strictEqual(failure.delivery, "not sent")
        assert.isFalse(failure.downClass)
        assert.deepInclude(failure.reason, { _tag: "RateLimited", retryAfterMillis: 2000 })
      }))

    it.live("refuses who asks: a question of the token", () =>
      Effect.map(failing("knows nobody"), ({ reason }) => assert.strictEqual(reason._tag, "Unauthorized")))

    it.live("hangs: the wait ends when its watch says so, and the relay may have acted", () => {
      const ended = new RelayFailure({ reason: new Silent({ millis: 10 }) })
      const watch: NonNullable<Attempt["watch"]> = {
        heard: () => {},
        listen: (listener) => void setTimeout(() => listener(ended), 50),
        unlisten: () => {}
      }
      return Effect.map(failing("hangs", watch), (failure) => {
        assert.strictEqual(failure, ended)
        assert.strictEqual(failure.delivery, "unknown")
      })
    })

    it.live("is let go of at once by who no longer waits", () =>
      withRelay((relay, session) =>
        Effect.gen(function*() {
          relay.mood = "hangs"
          const waiting = yield* Effect.forkChild(request("tools/call", call("x"), { session }), {
            startImmediately: true
          })
          yield* Fiber.interrupt(waiting)
          relay.mood = "well"
          assert.isTrue(Exit.isSuccess(yield* Effect.exit(request("tools/call", call("y"), { session }))))
        })
      ))

    it.live("lost a session without a word to whoever calls through the client above", () =>
      Effect.gen(function*() {
        const relay = yield* started
        yield* Effect.gen(function*() {
          const client = yield* RelayClient
          const session = yield* (yield* RelaySessions).make({
            agent: defaultAgent,
            seed: Effect.succeed({
              initialize: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params: initialize }),
              replay: []
            })
          })
          const ask = (text: string) =>
            client.request(session, {
              text: JSON.stringify({ jsonrpc: "2.0", id: "q", method: "tools/call", params: call(text) }),
              id: `"q"`,
              timeout: 10_000
            }).pipe(Effect.scoped)
          yield* ask("one")
          relay.mood = "loses the session"
          const { body } = yield* ask("two")
          if (body._tag !== "Whole") return assert.fail("in chunks")
          assert.strictEqual(JsonText.at(body.text, ["id"]), `"q"`)
          assert.deepStrictEqual(relay.taken, ["one", "two"])
          assert.strictEqual((yield* (yield* RelayLink).state)._tag, "Up")
        }).pipe(Effect.provide(wholeTo(relay.url)))
      }))
  }
)

it.live.each([
  { over: "Streamable HTTP", url: () => "http://127.0.0.1:9/mcp" },
  { over: "a local socket", url: (directory: string) => `unix://${directory}/none.sock` }
])(
  "a relay over $over that is away is not sent anything, and its link is Down with a hint",
  ({ url }) =>
    Effect.gen(function*() {
      const place = new URL(url(yield* temporaryDirectory))
      yield* Effect.gen(function*() {
        const failure = yield* Effect.flip(request("initialize", initialize))
        assert.strictEqual(failure.reason._tag, "ConnectFailed")
        assert.strictEqual(failure.delivery, "not sent")
        const state = yield* (yield* RelayLink).state
        assert.strictEqual(state._tag, "Down")
        assert.isDefined(state._tag === "Down" ? state.hint : undefined)
      }).pipe(Effect.provide(wholeTo(place)))
    })
)

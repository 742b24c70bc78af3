import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { chmodSync, writeFileSync } from "node:fs"
import type { SettingsSchema } from "../../../../src/config/Settings.ts"
import { AgentName, defaultAgent } from "../../../../src/domain/Ids.ts"
import type { RelayFailure } from "../../../../src/relay/RelayFailure.ts"
import { wholeAnswer } from "../../../../src/relay/transport/AnswerReading.ts"
import { type Attempt, RelayTransport } from "../../../../src/relay/transport/RelayTransport.ts"
import * as transportFor from "../../../../src/relay/transportFor.ts"
import * as Database from "../../../../src/storage/Database.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { eventually } from "../../../support/eventually.ts"
import { target } from "../../../support/relay/ScriptedRelay.ts"
import { type Double, type Frame, type Peer, socketDouble } from "../../../support/relay/SocketPeer.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"

const layerTo = (url: URL, settings: typeof SettingsSchema.Encoded = {}) =>
  transportFor.layer.pipe(
    Layer.provide(Layer.mergeAll(
      target(url, settings),
      Layer.orDie(Database.layerMemory),
      Layer.provideMerge(Deadlines.layer, Supervisor.layer)
    ))
  )

interface Say {
  readonly method: string
  readonly params?: object
  readonly agent?: AgentName
  readonly session?: string
  readonly probes?: boolean
  readonly watch?: Attempt["watch"]
}

/** One request, and the JSON-RPC response to it. */
const say = Effect.fnUntraced(function*({ agent = defaultAgent, method, params = {}, ...rest }: Say) {
  const { send } = yield* RelayTransport
  const answer = yield* send({
    agent,
    method: "POST",
    token: Option.none(),
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params }),
    ...rest
  })
  const response = yield* wholeAnswer(answer, "7")
  return { response, answer }
}, Effect.scoped)

const call = (name: string, args: object, rest: Partial<Say> & { readonly key?: string } = {}) =>
  Effect.map(
    say({
      method: "tools/call",
      params: {
        name,
        arguments: args,
        ...(rest.key === undefined ? {} : { _meta: { "holdfast/idempotencyKey": rest.key } })
      },
      ...rest
    }),
    ({ response }) => response
  )

const message = { to: "bob", text: "hi" }
const failureOf = <A, R>(effect: Effect.Effect<A, RelayFailure, R>) =>
  Effect.map(Effect.flip(effect), (failure) => ({
    tag: failure.reason._tag,
    delivery: failure.delivery,
    words: failure.message,
    reason: failure.reason
  }))

/** Against a daemon that does as its script says. */
const against = <A, E>(
  script: Double["script"],
  run: (double: Double) => Effect.Effect<A, E, RelayTransport>,
  options: { readonly settings?: typeof SettingsSchema.Encoded; readonly welcome?: object } = {}
) =>
  Effect.gen(function*() {
    const double = yield* socketDouble(script, options.welcome)
    return yield* Effect.provide(run(double), layerTo(double.url, options.settings))
  })

const on = (type: string, answer: (frame: Frame, peer: Peer) => void) => (frame: Frame, peer: Peer) => {
  if (frame.type !== type) return false
  answer(frame, peer)
  return true
}

describe("a relay on a local socket", () => {
  it.live("is greeted first, then asked; MCP's own methods are answered without it", () =>
    against(() => {}, (double) =>
      Effect.gen(function*() {
        const opened = yield* say({ method: "initialize", params: { protocolVersion: "2025-06-18" } })
        assert.strictEqual(opened.answer.session, "s1")
        assert.deepInclude(opened.response.result, { protocolVersion: "2025-06-18", capabilities: { tools: {} } })
        assert.deepStrictEqual((yield* say({ method: "ping", session: "s1" })).response.result, {})
        const { result } = (yield* say({ method: "tools/list", session: "s1" })).response
        assert.include(JSON.stringify(result), "relay_send_message")
        assert.notInclude(JSON.stringify(result), "idempotencyKey")
        assert.strictEqual((yield* say({ method: "server/discover" })).response.error?.code, -32601)
        assert.strictEqual((yield* say({ method: "resources/list" })).response.error?.code, -32601)
        const { received } = double.peers[0] as Peer
        assert.deepStrictEqual(received.map(({ type }) => type), ["HELLO"])
        assert.strictEqual(received[0]?.payload.agent, "default")
        yield* say({ method: "ping", session: "s1", probes: true })
        assert.deepStrictEqual(received.map(({ type }) => type), ["HELLO", "STATUS"])
        assert.lengthOf(double.peers, 1)
      })))

  it.live("declares the key where the daemon dedupes, and has one connection an agent", () =>
    against(() => {}, (double) =>
      Effect.gen(function*() {
        const { result } = (yield* say({ method: "tools/list" })).response
        assert.include(JSON.stringify(result), "idempotencyKey")
        yield* Effect.all([1, 2, 3].map(() => call("relay_send_message", message)), { concurrency: "unbounded" })
        yield* call("relay_send_message", message, { agent: AgentName.make("reviewer") })
        assert.deepStrictEqual(double.peers.map(({ received }) => received[0]?.payload.agent), ["default", "reviewer"])
      }), { welcome: { session_id: "s1", server: { dedupes: true } } }))

  it.live("sends a message as a blocking SEND under the queue's key, and gives the daemon's words back", () =>
    against(() => {}, (double) =>
      Effect.gen(function*() {
        const sent = yield* call("relay_send_message", message, { key: "k1" })
        assert.deepInclude(sent.result, {
          structuredContent: { messageId: "k1", to: "bob", sentAt: 1, acknowledged: true }
        })
        const frame = yield* (double.peers[0] as Peer).first("SEND")
        assert.deepInclude(frame, { id: "k1", to: "bob", payload: { kind: "message", body: "hi" } })
        assert.isTrue(frame.payload_meta.sync.blocking)
      })))

  const invalid = { code: "INVALID", message: "not so" }
  it.live.each([
    { what: "NACK INVALID", type: "NACK", payload: invalid },
    { what: "NACK FORBIDDEN", type: "NACK", payload: { ...invalid, code: "FORBIDDEN" } },
    { what: "NOT_FOUND", type: "ERROR", payload: { ...invalid, code: "NOT_FOUND" } },
    { what: "payload.error", type: "ACK", payload: { error: "not so" } }
  ])("gives $what as a result with isError, in the peer's words", ({ payload, type }) =>
    against(
      on("SEND", ({ id }, peer) => peer.send(type, { ...payload, ack_id: id, replyTo: id })),
      () =>
        Effect.gen(function*() {
          const { result } = yield* call("relay_send_message", message)
          assert.deepStrictEqual(result, { content: [{ type: "text", text: "not so" }], isError: true })
        })
    ))

  it.live.each([{ code: "BAD_REQUEST", expected: -32602 }, { code: "INTERNAL", expected: -32603 }])(
    "gives $code as $expected",
    ({ code, expected }) =>
      against(
        on("SEND", ({ id }, peer) => peer.send("ERROR", { code, message: "so", replyTo: id })),
        () =>
          Effect.map(
            call("relay_send_message", message),
            ({ error }) => assert.deepStrictEqual<unknown>(error, { code: expected, message: "so" })
          )
      )
  )

  it.live("takes UNAUTHORIZED for a relay's 401, and NACK BUSY for its 429 with the time that BUSY named", () =>
    Effect.gen(function*() {
      const unauthorized = yield* against(
        on("SEND", ({ id }, peer) => peer.send("ERROR", { code: "UNAUTHORIZED" }, { id })),
        () => failureOf(call("relay_send_message", message))
      )
      assert.deepInclude(unauthorized, { tag: "Unauthorized", delivery: "not sent" })
      yield* against(
        on("SEND", ({ id }, peer) => {
          peer.send("BUSY", { retry_after_ms: 400, queue_depth: 9 })
          peer.send("NACK", { ack_id: id, code: "BUSY" })
        }),
        (double) =>
          Effect.gen(function*() {
            const busy = yield* failureOf(call("relay_send_message", message))
            assert.deepInclude(busy, { tag: "RateLimited", delivery: "not sent" })
            assert.deepInclude(busy.reason, { retryAfterMillis: 400 })
            // Until then nothing more is sent.
            assert.strictEqual((yield* failureOf(call("relay_send_message", message))).tag, "RateLimited")
            assert.lengthOf((double.peers[0] as Peer).all("SEND"), 1)
          })
      )
    }))

  it.live("lost its session where the daemon says STALE or greets us with another: it is opened anew", () =>
    Effect.gen(function*() {
      let sessions = 0
      yield* against((frame, peer) => {
        if (frame.type === "HELLO") peer.send("WELCOME", { session_id: `s${++sessions}`, resume_token: `t${sessions}` })
        else if (frame.type === "SEND" && sessions === 1) peer.send("NACK", { ack_id: frame.id, code: "STALE" })
        else return false
        return true
      }, (double) =>
        Effect.gen(function*() {
          yield* say({ method: "initialize" })
          const lost = yield* failureOf(call("relay_send_message", message, { session: "s1" }))
          assert.deepInclude(lost, { tag: "SessionLost", delivery: "not sent" })
          assert.strictEqual((yield* failureOf(say({ method: "ping", session: "s1" }))).tag, "SessionLost")
          assert.strictEqual((yield* say({ method: "initialize" })).answer.session, "s2")
          assert.isUndefined(double.peers[1]?.received[0]?.payload.session)
          yield* call("relay_send_message", message, { session: "s2" })
        }))
    }))

  it.live("resumes with its token after the connection broke, and is the same session", () =>
    against(
      on("HELLO", (_, peer) => peer.send("WELCOME", { session_id: "s1", resume_token: "t1" })),
      (double) =>
        Effect.gen(function*() {
          yield* say({ method: "initialize" })
          double.peers[0]?.socket.destroy()
          yield* Effect.promise(() => (double.peers[0] as Peer).ended)
          yield* eventually(
            "the end to be seen",
            say({ method: "ping", session: "s1" }),
            () => double.peers.length === 2
          )
          assert.deepStrictEqual(double.peers[1]?.received[0]?.payload.session, { resume_token: "t1" })
        })
    ))

  it.live("does not say of a message that it is unknown where its frame never went out whole", () =>
    against(
      on("SEND", (_, peer) => peer.socket.destroy()),
      (double) =>
        Effect.gen(function*() {
          const whole = yield* failureOf(call("relay_send_message", message))
          assert.deepInclude(whole, { tag: "ConnectionLost", delivery: "unknown" })
          yield* say({ method: "ping" })
          const peer = double.peers.at(-1) as Peer
          const partArrived = Promise.withResolvers<void>()
          peer.socket.once("data", () => {
            peer.socket.pause()
            partArrived.resolve()
          })
          const text = "x".repeat(900_000)
          const many = yield* Effect.forkChild(
            Effect.all([1, 2, 3, 4].map(() => failureOf(call("relay_send_message", { to: "bob", text }))), {
              concurrency: "unbounded"
            }),
            { startImmediately: true }
          )
          yield* Effect.promise(() => partArrived.promise)
          peer.socket.destroy()
          const outcomes = yield* Fiber.join(many)
          assert.isTrue(outcomes.every(({ delivery, tag }) => tag === "ConnectFailed" && delivery === "not sent"))
        })
    ))

  it.live("is not answered within its bound: unknown, with the bound in its words; the late answer goes nowhere", () => {
    let late: (() => void) | undefined
    return against(
      (frame, peer) => {
        if (frame.type !== "SEND" || late !== undefined) return frame.type === "STATUS"
        late = () => peer.send("ACK", { ack_id: frame.id, correlationId: frame.payload_meta.sync.correlationId })
        return true
      },
      (double) =>
        Effect.gen(function*() {
          const slow = yield* failureOf(call("relay_send_message", message))
          assert.deepInclude(slow, { tag: "TimedOut", delivery: "unknown" })
          assert.match(slow.words, /did not answer within 1 s/)
          late?.()
          yield* call("relay_send_message", message)
          assert.lengthOf(double.peers, 1)
        }),
      { settings: { relay: { socket: { sendTimeout: "1 second" } } } }
    )
  })

  it.live("has taken a message where it answers what was sent behind it and acknowledges nothing", () =>
    against(on("SEND", () => {}), () =>
      Effect.gen(function*() {
        const { result } = yield* call("relay_send_message", message, { key: "k" })
        assert.deepInclude(result, {
          structuredContent: { messageId: "k", to: "bob", sentAt: 1, acknowledged: false }
        })
      })))

  it.live("lists, starts and ends agents as the daemon says", () =>
    against((frame, peer) => {
      const { id, payload, type } = frame
      if (type === "LIST_AGENTS") peer.send("LIST_AGENTS_RESPONSE", { agents: [{ name: "bob" }] }, { id })
      else if (type === "SPAWN") peer.send("SPAWN_RESULT", { replyTo: id, success: true, name: payload.name, pid: 9 })
      else if (type === "RELEASE") {
        peer.send("RELEASE_RESULT", { replyTo: id, success: false, name: "w", error: "no w" })
      } else return false
      return true
    }, () =>
      Effect.gen(function*() {
        assert.include(JSON.stringify((yield* call("relay_list_agents", {})).result), `"agents":[{"name":"bob"}]`)
        const spawned = (yield* call("relay_spawn", { name: "w", cli: "claude", task: "t" })).result
        assert.include(JSON.stringify(spawned), `"pid":9`)
        assert.include(JSON.stringify((yield* call("relay_release", { name: "w" })).result), "no w")
        assert.strictEqual((yield* call("relay_spawn", { name: "w" })).error?.code, -32602)
        assert.strictEqual((yield* call("nothing", {})).error?.code, -32602)
        const large = (yield* call("relay_send_message", { to: "bob", text: "x".repeat(1_048_576) })).result
        assert.include(JSON.stringify(large), "larger than the relay takes")
      })))

  it.live("keeps what it is delivered, once, acknowledges that, and reads and answers it", () => {
    const deliver = (peer: Peer, id: string, seq: number, body: string) =>
      peer.send("DELIVER", { kind: "message", body, thread: "th" }, {
        id,
        from: "bob",
        to: "default",
        delivery: { seq, session_id: "s1" },
        payload_meta: { sync: { correlationId: `c-${id}`, blocking: true } }
      })
    return against((frame, peer) => {
      if (frame.type === "INBOX") {
        peer.send("INBOX_RESPONSE", { messages: [{ id: "m3", from: "eve", body: "three", timestamp: 3 }] }, {
          id: frame.id
        })
        return true
      }
      return false
    }, (double) =>
      Effect.gen(function*() {
        yield* say({ method: "ping" })
        const peer = double.peers[0] as Peer
        deliver(peer, "m1", 1, "one")
        deliver(peer, "m2", 2, "two")
        deliver(peer, "m1", 1, "one")
        yield* eventually("the acknowledgements", Effect.sync(() => peer.all("ACK").length), (count) => count === 3)
        assert.deepInclude(peer.all("ACK")[0]?.payload, { ack_id: "m1", seq: 1, correlationId: "c-m1" })
        const read = (after?: string) =>
          Effect.map(call("relay_inbox", after === undefined ? {} : { after }), ({ result }) =>
            (result as { readonly structuredContent: { readonly messages: ReadonlyArray<{ readonly text: string }> } })
              .structuredContent.messages.map(({ text }) =>
                text
              ))
        assert.deepStrictEqual(yield* read(), ["one", "two"])
        assert.deepStrictEqual(yield* read("m1"), ["two"])
        // Nothing more is on disk: the daemon is asked.
        assert.deepStrictEqual(yield* read("m2"), ["three"])
        yield* call("relay_reply", { messageId: "m1", text: "yes" })
        const reply = yield* peer.first("SEND")
        assert.deepInclude(reply, { to: "bob", payload: { kind: "message", body: "yes", thread: "th" } })
        assert.strictEqual(reply.payload_meta.replyTo, "m1")
        assert.include(
          JSON.stringify((yield* call("relay_reply", { messageId: "m9", text: "?" })).result),
          "no message m9"
        )
      }))
  })

  it.live("keeps a message of any time, and leaves with the daemon what is more than 16 MiB unread", () =>
    against(() => {}, (double) =>
      Effect.gen(function*() {
        yield* say({ method: "tools/list" })
        const daemon = double.peers[0] as Peer
        const deliver = (body: string, rest: object) =>
          daemon.send("DELIVER", { kind: "message", body }, {
            from: "bob",
            delivery: { seq: 1, session_id: "s1" },
            ...rest
          })
        const acknowledged = (id: string) => daemon.first(({ payload }) => payload?.ack_id === id)
        for (const ts of [1e300, -1e300, 1.5]) yield* acknowledged(deliver(`at ${ts}`, { ts }))
        const times = yield* call("relay_inbox", {})
        assert.include(JSON.stringify(times.result), "\"sentAt\":253402300799000")
        const last = JSON.stringify(times.result).match(/"id":"([^"]+)"/g)?.at(-1)?.slice(6, -1)
        const long = "x".repeat(1_000_000)
        for (let count = 0; count < 16; count++) yield* acknowledged(deliver(long, {}))
        const tooMuch = deliver(long, { id: "too-much" })
        yield* acknowledged(deliver("short", {}))
        assert.notInclude(daemon.all("ACK").map(({ payload }) => payload.ack_id), tooMuch)
        assert.notInclude(daemon.all("ACK").map(({ payload }) => payload.ack_id), "too-much")
        assert.isString(last)
      })))

  it.live("is away where nothing is there, where nobody listens, and where no WELCOME comes: not sent, with a remedy", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const missing = yield* failureOf(say({ method: "ping" })).pipe(
        Effect.provide(layerTo(new URL(`unix://${directory}/none.sock`)))
      )
      assert.deepInclude(missing, { tag: "ConnectFailed", delivery: "not sent" })
      assert.match(missing.words, /ENOENT: there is no .*none\.sock/)
      const silent = yield* against(
        on("HELLO", () => {}),
        () => failureOf(say({ method: "initialize" })),
        { settings: { relay: { socket: { handshakeTimeout: "1 second" } } } }
      )
      assert.deepInclude(silent, { tag: "ConnectFailed", delivery: "not sent" })
      assert.match(silent.words, /no WELCOME within 1 s/)
      const refused = yield* against(
        on("HELLO", (_, peer) => peer.send("ERROR", { code: "BAD_REQUEST", message: "no", fatal: true })),
        () => failureOf(say({ method: "initialize" }))
      )
      assert.deepInclude(refused.reason, { _tag: "ConnectFailed", detail: "BAD_REQUEST: no", lasting: true })
    }))

  it.live("is not connected to where others may write to its file, or where that is no socket", () =>
    Effect.gen(function*() {
      const double = yield* socketDouble()
      chmodSync(double.path, 0o777)
      const open = yield* Effect.provide(failureOf(say({ method: "ping" })), layerTo(double.url))
      assert.match(open.words, /EMODE: other users may write/)
      const directory = yield* temporaryDirectory
      writeFileSync(`${directory}/file`, "")
      const file = yield* Effect.provide(
        failureOf(say({ method: "ping" })),
        layerTo(new URL(`unix://${directory}/file`))
      )
      assert.match(file.words, /is no socket/)
      assert.isEmpty(double.peers)
    }))

  it.effect("waits 5 s for WELCOME, 30 s for the next frame and 5 minutes for the next call, by the clock", () => {
    let silent = true
    return against((frame) => silent && frame.type === "HELLO", (double) =>
      Effect.gen(function*() {
        const waiting = yield* Effect.forkChild(failureOf(say({ method: "initialize" })), { startImmediately: true })
        yield* eventually("HELLO", Effect.sync(() => double.peers[0]?.received.length), (count) => count === 1).pipe(
          TestClock.withLive
        )
        yield* TestClock.adjust("5 seconds")
        assert.match((yield* Fiber.join(waiting)).words, /no WELCOME within 5 s/)

        silent = false
        yield* say({ method: "initialize" })
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual(double.peers[1]?.socket.readyState, "open")
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => (double.peers[1] as Peer).ended)

        yield* say({ method: "initialize" })
        const last = double.peers[2] as Peer
        for (let n = 1; n <= 15; n++) {
          yield* TestClock.adjust("20 seconds")
          last.send("PING", { nonce: String(n) })
          if (n < 15) yield* last.first(({ payload, type }) => type === "PONG" && payload.nonce === String(n))
        }
        yield* last.first("BYE")
        yield* say({ method: "initialize" })
        assert.lengthOf(double.peers, 4)
      }))
  })

  it.live("refuses an agent whose name the daemon keeps for itself, and nobody else", () =>
    against(() => {}, () =>
      Effect.gen(function*() {
        const refused = yield* failureOf(say({ method: "initialize", agent: AgentName.make("cli") }))
        assert.deepInclude(refused, { tag: "SessionRefused", delivery: "not sent" })
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(say({ method: "initialize" }))))
      })))
})

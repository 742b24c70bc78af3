import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Redacted } from "effect"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { ServerResponse } from "node:http"
import { createServer } from "node:net"
import { RelayTarget } from "../../../../src/config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../../../src/domain/Ids.ts"
import type { SseEvent } from "../../../../src/domain/SseEvent.ts"
import type { RelayFailure } from "../../../../src/relay/RelayFailure.ts"
import type { Incoming } from "../../../../src/relay/transport/Incoming.ts"
import { type Attempt, type RelayAnswer, RelayTransport } from "../../../../src/relay/transport/RelayTransport.ts"
import { eventually } from "../../../support/eventually.ts"
import { next } from "../../../support/incoming.ts"
import { event, json, page, type Received, scriptedRelay, target } from "../../../support/relay/ScriptedRelay.ts"

const transportTo = (url: URL) => Layer.provide(RelayTransport.layer, target(url))

const post: Attempt = {
  agent: defaultAgent,
  method: "POST",
  body: `{"jsonrpc":"2.0","id":1,"method":"ping"}`,
  token: Option.none()
}
const inSession: Attempt = { ...post, session: "s1", protocolVersion: "2025-06-18" }
const rpcError = (id: number | null, code: number, message: string) => ({
  jsonrpc: "2.0",
  id,
  error: { code, message }
})

const all = <A>(incoming: Incoming<A>): Effect.Effect<ReadonlyArray<A>, RelayFailure> =>
  Effect.suspend(() => {
    const items: Array<A> = []
    const ended = incoming.until((item) => {
      items.push(item)
      return undefined
    })
    return Effect.as(ended, items)
  })

const read = (answer: RelayAnswer): Effect.Effect<string | ReadonlyArray<SseEvent>, RelayFailure> => {
  switch (answer.body._tag) {
    case "Empty":
      return Effect.succeed("")
    case "Json":
      return Effect.map(all(answer.body.chunks), (chunks) => Buffer.concat(chunks).toString())
    case "Sse":
      return all(answer.body.events)
  }
}

/** One attempt at a relay that answers so. */
const attemptAt = Effect.fnUntraced(function*(
  attempt: Attempt,
  script: (response: ServerResponse, request: Received) => void
) {
  const relay = yield* scriptedRelay((request, response) => script(response, request))
  return yield* Effect.gen(function*() {
    const answer = yield* (yield* RelayTransport).send(attempt)
    return { answer, body: yield* read(answer), received: relay.received }
  }).pipe(Effect.provide(transportTo(relay.url)))
})

const failureAt = (attempt: Attempt, script: (response: ServerResponse) => void) =>
  Effect.map(Effect.flip(attemptAt(attempt, script)), ({ reason }) => reason)

describe("RelayTransport", () => {
  it.live("sends the text byte for byte, with the token, and passes headers by allow-list in both directions", () =>
    Effect.gen(function*() {
      const text = `{"jsonrpc":"2.0", "id":12345678901234567890,"method":"ping","é":1}`
      const { answer, body, received } = yield* attemptAt({
        ...inSession,
        body: text,
        token: Option.some(Redacted.make("relay-token")),
        headers: { "Authorization": "Bearer agent", "cookie": "a=b", "Host": "evil", "mcp-param-x": "1", "x-bad": "\n" }
      }, (response) => {
        response.writeHead(200, {
          "content-type": "application/json; charset=utf-8",
          "set-cookie": "a=b",
          "www-authenticate": "Bearer",
          "location": "/",
          "mcp-session-id": "s2",
          "x-request-id": "r"
        })
        response.end(`{"ok": true}`)
      })
      assert.strictEqual(body, `{"ok": true}`)
      assert.deepStrictEqual(answer.headers, {
        "content-type": "application/json; charset=utf-8",
        "x-request-id": "r"
      })
      assert.strictEqual(answer.session, "s2")
      const [{ body: sent, headers }] = received as [Received]
      assert.strictEqual(sent, text)
      assert.strictEqual(headers.authorization, "Bearer relay-token")
      assert.strictEqual(headers["mcp-session-id"], "s1")
      assert.strictEqual(headers["mcp-protocol-version"], "2025-06-18")
      assert.strictEqual(headers.accept, "application/json, text/event-stream")
      assert.strictEqual(headers["mcp-param-x"], "1")
      assert.isUndefined(headers.cookie)
      assert.isUndefined(headers["x-bad"])
      assert.match(headers.host ?? "", /^127\.0\.0\.1:/)
    }))

  it.live("gives each event as soon as it arrives, and tells of the bytes", () =>
    Effect.gen(function*() {
      let bytes = 0
      const relay = yield* scriptedRelay((_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(event({ n: 1 }, "e1"))
      })
      yield* Effect.gen(function*() {
        const answer = yield* (yield* RelayTransport).send({
          ...post,
          watch: { heard: () => bytes++, listen: () => {}, unlisten: () => {} }
        })
        assert.strictEqual(answer.body._tag, "Sse")
        if (answer.body._tag !== "Sse") return
        const first = Option.getOrThrow(yield* next(answer.body.events))
        assert.strictEqual(first.id, "e1")
        assert.strictEqual(first.data, `{"n":1}`)
        assert.strictEqual(bytes, 1)
      }).pipe(Effect.scoped, Effect.provide(transportTo(relay.url)))
    }))

  /** Reads a stream of so many events, all of which are there at once. */
  const reading = <A>(count: number, read: (events: Incoming<SseEvent>) => Effect.Effect<A, RelayFailure>) =>
    Effect.gen(function*() {
      const relay = yield* scriptedRelay((_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.end(Array.from({ length: count }, (_, n) => event({ n })).join(""))
      })
      return yield* Effect.gen(function*() {
        const { body } = yield* (yield* RelayTransport).send(post)
        return body._tag === "Sse" ? yield* read(body.events) : assert.fail("no stream")
      }).pipe(Effect.scoped, Effect.provide(transportTo(relay.url)))
    })

  it.live("waits for what a reader has to wait for, and goes on in order, however often", () =>
    reading(20_000, (events) =>
      Effect.gen(function*() {
        const read: Array<string> = []
        const rest: Effect.Effect<Option.Option<never>, RelayFailure> = Effect.suspend(() =>
          events.until<never>(({ data }) => {
            read.push(data)
            return Effect.andThen(Effect.yieldNow, rest)
          })
        )
        assert.isTrue(Option.isNone(yield* rest))
        assert.strictEqual(read.length, 20_000)
        assert.isTrue(read.every((data, n) => data === `{"n":${n}}`))
      })))

  it.live("fails who reads where the reader throws, and nobody else", () =>
    reading(2, (events) =>
      Effect.gen(function*() {
        const broken = yield* Effect.exit(events.until(() => {
          throw new Error("a fault of the reader's")
        }))
        assert.isTrue(Exit.hasDies(broken))
        assert.strictEqual(Option.getOrThrow(yield* next(events)).data, `{"n":1}`)
      })))

  it.live("takes 202 and an empty 2xx for empty", () =>
    Effect.gen(function*() {
      for (const status of [200, 202, 204]) {
        const { answer } = yield* attemptAt(post, (response) => response.writeHead(status).end())
        assert.strictEqual(answer.body._tag, "Empty", String(status))
      }
    }))

  it.live("was not sent where nobody listens", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.flip(
        Effect.flatMap(RelayTransport, (transport) => transport.send(post)).pipe(
          Effect.provide(transportTo(new URL("http://127.0.0.1:1/mcp")))
        )
      )
      assert.strictEqual(failure.reason._tag, "ConnectFailed")
      assert.strictEqual(failure.delivery, "not sent")
      assert.isTrue(failure.downClass)
      assert.include(failure.message, "ECONNREFUSED")
    }))

  it.live("was not sent where TLS fails", () =>
    Effect.gen(function*() {
      const relay = yield* scriptedRelay((_, response) => response.end())
      relay.url.protocol = "https:"
      const failure = yield* Effect.flip(
        Effect.flatMap(RelayTransport, (transport) => transport.send(post)).pipe(
          Effect.provide(transportTo(relay.url))
        )
      )
      assert.strictEqual(failure.reason._tag, "ConnectFailed")
    }))

  it.live("has an unknown outcome where the connection breaks after the request was written", () =>
    Effect.gen(function*() {
      const server = createServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => socket.resetAndDestroy())
      })
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
          })
        }),
        () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const failure = yield* Effect.flip(
        Effect.flatMap(RelayTransport, (transport) => transport.send(post)).pipe(
          Effect.provide(transportTo(new URL(`http://127.0.0.1:${port}/mcp`)))
        )
      )
      assert.strictEqual(failure.reason._tag, "ConnectionLost")
      assert.strictEqual(failure.delivery, "unknown")
    }))

  it.live("is cut off where a body breaks off half-way", () =>
    Effect.gen(function*() {
      const half = yield* failureAt(post, (response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "100" })
        response.write(`{"jsonrpc":`, () => response.destroy())
      })
      assert.strictEqual(half._tag, "AnswerCutOff")
      const stream = yield* failureAt(post, (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write("data: {", () => response.destroy())
      })
      assert.strictEqual(stream._tag, "AnswerCutOff")
    }))

  it.live("takes headers beyond any measure for a broken connection", () =>
    Effect.gen(function*() {
      const reason = yield* failureAt(post, (response) => json(response, 200, {}, { "x-huge": "x".repeat(100_000) }))
      assert.strictEqual(reason._tag, "ConnectionLost")
    }))

  it.live("never follows a redirect, and takes pages for what they are", () =>
    Effect.gen(function*() {
      for (const status of [200, 302, 307, 400, 403, 404, 500]) {
        const reason = yield* failureAt(inSession, (response) => page(response, status, { location: "/elsewhere" }))
        assert.strictEqual(reason._tag, "NotJsonRpc", String(status))
      }
    }))

  it.live("takes a compressed answer for no JSON-RPC, since it asked for none", () =>
    Effect.gen(function*() {
      const reason = yield* failureAt(post, (response) => json(response, 200, {}, { "content-encoding": "gzip" }))
      assert.strictEqual(reason._tag, "NotJsonRpc")
    }))

  it.live("knows a lost session by a 404, or by a 400 that says so under no id", () =>
    Effect.gen(function*() {
      const notFound = yield* failureAt(
        inSession,
        (response) => json(response, 404, rpcError(null, -32001, "Session not found"))
      )
      assert.strictEqual(notFound._tag, "SessionLost")
      const empty = yield* failureAt(inSession, (response) => response.writeHead(404).end())
      assert.strictEqual(empty._tag, "SessionLost")
      const bad = yield* failureAt(
        inSession,
        (response) => json(response, 400, rpcError(null, -32000, "Bad Request: No valid SESSION ID provided"))
      )
      assert.strictEqual(bad._tag, "SessionLost")
      const uninitialized = yield* failureAt(
        inSession,
        (response) => json(response, 400, rpcError(null, -32000, "Server Not Initialized"))
      )
      assert.strictEqual(uninitialized._tag, "SessionLost")
    }))

  it.live("takes other JSON-RPC errors for answers, with their status", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [Attempt, number, ReturnType<typeof rpcError>]> = [
        [post, 404, rpcError(1, -32601, "no such method")],
        [inSession, 404, rpcError(1, -32601, "no such method")],
        [inSession, 400, rpcError(1, -32602, "this session argument is wrong")],
        [post, 400, rpcError(null, -32000, "no session")],
        [inSession, 500, rpcError(1, -32603, "broken")]
      ]
      for (const [attempt, status, body] of cases) {
        const got = yield* attemptAt(attempt, (response) => json(response, status, body))
        assert.strictEqual(got.answer.status, status)
        assert.strictEqual(got.body, JSON.stringify(body))
      }
    }))

  it.live("tells a refusal of the relay from a firewall's", () =>
    Effect.gen(function*() {
      const words = yield* failureAt(post, (response) => json(response, 403, rpcError(1, -32000, "not yours")))
      assert.strictEqual(words._tag === "Forbidden" && words.detail, "not yours")
      const scope = yield* failureAt(post, (response) =>
        page(response, 403, {
          "www-authenticate": `Bearer error="insufficient_scope", scope="send", resource_metadata="https://evil/"`
        }))
      assert.strictEqual(scope._tag === "Forbidden" && scope.detail, `insufficient_scope, it takes the scope "send"`)
      const empty = yield* failureAt(post, (response) => response.writeHead(403).end())
      assert.strictEqual(empty._tag, "Forbidden")
    }))

  it.live("classifies 401, 429 and gateways by their status alone", () =>
    Effect.gen(function*() {
      const refused = yield* failureAt(post, (response) => page(response, 401))
      assert.strictEqual(refused._tag, "Unauthorized")
      const slow = yield* failureAt(post, (response) => page(response, 429, { "retry-after": "3" }))
      assert.strictEqual(slow._tag === "RateLimited" && slow.retryAfterMillis, 3000)
      for (const status of [502, 503, 504]) {
        const away = yield* failureAt(post, (response) =>
          json(response, status, rpcError(1, -1, "no"), { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }))
        assert.strictEqual(away._tag === "GatewayStatus" && away.retryAfterMillis, 0)
      }
    }))

  it.live("knows a relay that has no stream of its own", () =>
    Effect.gen(function*() {
      const get: Attempt = { ...inSession, method: "GET", body: undefined }
      const none = yield* failureAt(get, (response) => json(response, 405, rpcError(null, -32000, "no")))
      assert.strictEqual(none._tag, "NoStream")
      const unknown = yield* failureAt(get, (response) => page(response, 404))
      assert.strictEqual(unknown._tag, "NoStream")
      const lost = yield* failureAt(get, (response) => json(response, 404, rpcError(null, -32001, "Session not found")))
      assert.strictEqual(lost._tag, "SessionLost")
    }))

  it.live("slows the relay down where nobody reads", () =>
    Effect.gen(function*() {
      let written = 0
      let writing: ServerResponse | undefined
      const relay = yield* scriptedRelay((_, response) => {
        writing = response
        response.writeHead(200, { "content-type": "application/json" })
        const more = () => {
          while (written < 64 * 1024 * 1024) {
            written += 65_536
            if (!response.write("x".repeat(65_536))) return
          }
          response.end()
        }
        response.on("drain", more)
        more()
      })
      yield* Effect.gen(function*() {
        const answer = yield* (yield* RelayTransport).send(post)
        let before = -1
        const isHeldUp = Effect.sync(() => {
          const stands = written === before && writing?.writableNeedDrain === true
          before = written
          return stands
        })
        yield* eventually("the relay to be held up", isHeldUp, (held) => held)
        assert.isBelow(written, 32 * 1024 * 1024)
        const whole = yield* read(answer)
        assert.strictEqual(whole.length, 64 * 1024 * 1024)
      }).pipe(Effect.scoped, Effect.provide(transportTo(relay.url)))
    }))

  it.live("aborts the exchange when it is interrupted", () =>
    Effect.gen(function*() {
      const started = Promise.withResolvers<void>()
      const closed = Promise.withResolvers<void>()
      const relay = yield* scriptedRelay((_, response) => {
        response.on("close", () => closed.resolve())
        started.resolve()
      })
      const fiber = yield* Effect.flatMap(RelayTransport, (transport) => transport.send(post)).pipe(
        Effect.scoped,
        Effect.andThen(Effect.never),
        Effect.provide(transportTo(relay.url)),
        Effect.forkChild
      )
      yield* Effect.promise(() => started.promise)
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => closed.promise)
    }))

  it.live("serves call after call on one connection, also where the answer is a stream", () =>
    Effect.gen(function*() {
      const ports = new Set<number | undefined>()
      // Undici says so once it has read an answer to its end, and not where it gave up the connection.
      let ended = 0
      const onEnd = () => void ended++
      subscribe("undici:request:trailers", onEnd)
      yield* Effect.addFinalizer(() => Effect.sync(() => unsubscribe("undici:request:trailers", onEnd)))
      const relay = yield* scriptedRelay((_, response) => {
        ports.add(response.socket?.remotePort)
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(event({ n: 1 }))
        setTimeout(() => response.end(), 20)
      })
      yield* Effect.gen(function*() {
        const transport = yield* RelayTransport
        for (let call = 0; call < 5; call++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const answer = yield* transport.send(post)
            if (answer.body._tag === "Sse") yield* next(answer.body.events)
          }))
          yield* eventually("the end of the stream", Effect.sync(() => ended), (ended) => ended === call + 1)
        }
        assert.strictEqual(ports.size, 1)
      }).pipe(Effect.provide(transportTo(relay.url)))
    }))

  it.effect("sends a token over plain http to no other machine, unless the settings say that it may", () =>
    Effect.gen(function*() {
      const relay = yield* scriptedRelay(({ id }, response) =>
        json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: {} })
      )
      // It leads to this machine, and nothing but the resolver knows that.
      const elsewhere = new URL(`http://0.0.0.0:${relay.url.port}/mcp`)
      const withToken = { ...post, token: Option.some(Redacted.make("secret")) }
      const send = (attempt: Attempt, more: object = {}) =>
        Effect.flatMap(RelayTransport, (transport) => transport.send(attempt)).pipe(
          Effect.scoped,
          Effect.provide(RelayTransport.layer),
          Effect.provideService(RelayTarget, { id: defaultRelay, url: elsewhere, token: {}, ...more }),
          Effect.provide(target(elsewhere))
        )
      for (
        const [attempt, more] of [
          [withToken, {}],
          [post, { headers: { Authorization: Redacted.make("Bearer secret") } }]
        ] as const
      ) {
        const failure = yield* Effect.flip(send(attempt, more))
        assert.strictEqual(failure.reason._tag, "ConnectFailed")
        assert.include(failure.message, "plain http")
      }
      assert.deepStrictEqual(relay.received, [])
      yield* send(post)
      yield* send(withToken, { plainHttp: true })
      assert.deepStrictEqual(relay.received.map(({ headers }) => headers["authorization"]), [
        undefined,
        "Bearer secret"
      ])
    }))

  it.live("has 256 requests at once, the rest in order; a probe and a stream wait for none of them", () =>
    Effect.gen(function*() {
      const held: Array<() => void> = []
      const relay = yield* scriptedRelay(({ body, id, method }, response) => {
        const answer = () => json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: {} })
        if (body.includes("probe") || method === "GET") answer()
        else held.push(answer)
      })
      yield* Effect.gen(function*() {
        const { send } = yield* RelayTransport
        const done: Array<number> = []
        const calls = yield* Effect.forEach(Array.from({ length: 260 }, (_, n) => n), (n) =>
          Effect.forkChild(
            Effect.scoped(Effect.andThen(send(post), Effect.sync(() => done.push(n)))),
            { startImmediately: true }
          ))
        yield* eventually("those that have their turn", Effect.sync(() => held.length), (count) => count >= 256)
        yield* Effect.scoped(send({ ...post, body: post.body?.replace("ping", "probe"), probes: true }))
        yield* Effect.scoped(Effect.exit(send({ agent: defaultAgent, method: "GET", token: Option.none() })))
        assert.strictEqual(held.length, 256)
        const given = calls[257]
        if (given !== undefined) yield* Fiber.interrupt(given)
        for (let sent = 0; sent < 259; sent++) {
          yield* eventually("the next", Effect.sync(() => held.length), (count) => count > 0)
          held.shift()?.()
        }
        yield* Effect.forEach(calls, Fiber.await)
        assert.strictEqual(done.length, 259)
        assert.strictEqual(held.length, 0)
      }).pipe(Effect.provide(transportTo(relay.url)))
    }))
})

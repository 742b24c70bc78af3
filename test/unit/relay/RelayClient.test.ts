import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Option, type Scope } from "effect"
import type { ServerResponse } from "node:http"
import type { SettingsSchema } from "../../../src/config/Settings.ts"
import { defaultAgent, PrincipalId } from "../../../src/domain/Ids.ts"
import * as JsonText from "../../../src/domain/JsonText.ts"
import { RelayLink } from "../../../src/relay/link/RelayLink.ts"
import { RelayClient, type RequestOptions } from "../../../src/relay/RelayClient.ts"
import { type RelaySession, RelaySessions } from "../../../src/relay/session/RelaySession.ts"
import { next } from "../../support/incoming.ts"
import { relayLayers, Tokens } from "../../support/relay/relayLayers.ts"
import { event, handshake, json, page, type Received, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"

const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`
const call: RequestOptions = {
  text: `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow"}}`,
  id: "7",
  timeout: 30_000
}
const result = (id: number, value: string) => ({ jsonrpc: "2.0", id, result: { value } })
const calls = (received: ReadonlyArray<Received>) => received.filter(({ rpc }) => rpc === "tools/call")

/** A relay that answers handshakes (each with a session of its own) and pings; the rest is the test's. */
const relayThat = Effect.fnUntraced(function*(
  serve: (request: Received, response: ServerResponse, sessions: ReadonlyArray<string>) => void
) {
  const sessions: Array<string> = []
  return yield* scriptedRelay((request, response) => {
    if (request.rpc === "initialize") sessions.push(`s${sessions.length}`)
    if (handshake(request, response, sessions.at(-1) ?? "")) return
    if (request.rpc === "ping") {
      return json(response, 200, { jsonrpc: "2.0", id: JSON.parse(request.id), result: {} })
    }
    if (request.method === "DELETE") return void response.writeHead(204).end()
    serve(request, response, sessions)
  })
})

const using = <A, E>(
  relay: { readonly url: URL },
  use: (session: RelaySession, client: RelayClient["Service"]) => Effect.Effect<
    A,
    E,
    RelayLink | RelaySessions | Scope.Scope
  >,
  options: { readonly settings?: typeof SettingsSchema.Encoded; readonly tokens?: Tokens } = {}
) =>
  Effect.gen(function*() {
    const session = yield* (yield* RelaySessions).make({
      agent: defaultAgent,
      seed: Effect.succeed({ initialize, replay: [`{"jsonrpc":"2.0","id":3,"method":"logging/setLevel"}`] })
    })
    return yield* use(session, yield* RelayClient)
  }).pipe(Effect.scoped, Effect.provide(relayLayers(relay.url, options.settings, options.tokens)))

/** The whole text of the answer. */
const ask = (session: RelaySession, client: RelayClient["Service"], options: Partial<RequestOptions> = {}) =>
  Effect.scoped(
    Effect.map(
      client.request(session, { ...call, ...options }),
      (answer) => answer.body._tag === "Whole" ? answer.body.text : "chunks"
    )
  )

describe("RelayClient", () => {
  it.live("sends a request in the bytes that it came in, and not where it goes under another id", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ id }, response) =>
        json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: {} })
      )
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          // Told apart by what nothing but the bytes has.
          const bytes = Buffer.from(call.text.replace("slow", "long"))
          yield* ask(session, client, { bytes })
          yield* ask(session, client, { bytes, as: "8" })
        }))
      assert.deepStrictEqual(
        calls(relay.received).map(({ body, id }) => [id, /slow|long/.exec(body)?.[0]]),
        [["7", "long"], ["8", "slow"]]
      )
    }))

  it.live("opens the session once, with what has to be said again, and speaks its protocol version", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ id }, response) => json(response, 200, result(Number(id), "done")))
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          const answers = yield* Effect.all([ask(session, client), ask(session, client)], { concurrency: 2 })
          assert.deepStrictEqual(answers, Array(2).fill(JSON.stringify(result(7, "done"))))
        }))
      // The control session of the probe comes first, and ends last.
      const own = relay.received.filter(({ body, headers }) =>
        headers["mcp-session-id"] === "s1" || body.includes("2025-11-25") && !body.includes("holdfast-probe")
      )
      assert.deepStrictEqual(own.map(({ method, rpc }) => rpc || method), [
        "initialize",
        "notifications/initialized",
        "logging/setLevel",
        "tools/call",
        "tools/call",
        "DELETE"
      ])
      assert.isTrue(own.slice(1).every(({ headers }) => headers["mcp-protocol-version"] === "2025-06-18"))
    }))

  it.live("never sends under another principal what was meant for one", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ id }, response) => json(response, 200, result(Number(id), "done")))
      const failure = yield* using(relay, (session, client) =>
        Effect.flip(ask(session, client, { principal: PrincipalId.make("somebody else") })))
      assert.strictEqual(failure.reason._tag, "OtherPrincipal")
      assert.strictEqual(failure.delivery, "not sent")
      assert.deepStrictEqual(calls(relay.received), [])
    }))

  for (const status of [404, 400]) {
    const lost = (response: ServerResponse) =>
      json(response, status, { jsonrpc: "2.0", id: null, error: { code: -32000, message: "No valid session" } })

    it.live(`reopens a session that was lost by ${status}, and sends the call once more, unseen`, () =>
      Effect.gen(function*() {
        let restarts = 0
        const relay = yield* relayThat(({ headers, id, rpc }, response) =>
          headers["mcp-session-id"] === "s1" && restarts > 0
            ? lost(response)
            : json(response, 200, result(Number(id), rpc))
        )
        yield* using(relay, (session, client) =>
          Effect.gen(function*() {
            yield* ask(session, client)
            restarts++
            relay.received.length = 0
            assert.strictEqual(yield* ask(session, client), JSON.stringify(result(7, "tools/call")))
            assert.deepStrictEqual(relay.received.map(({ rpc }) => rpc), [
              "tools/call",
              "initialize",
              "notifications/initialized",
              "logging/setLevel",
              "tools/call"
            ])
          }))
      }))

    it.live(`was not sent where the session is lost by ${status} while it is being opened`, () =>
      Effect.gen(function*() {
        const relay = yield* relayThat((_, response) => lost(response))
        const failure = yield* Effect.flip(using(relay, (session, client) => ask(session, client)))
        assert.isTrue(failure.opening)
        assert.strictEqual(failure.delivery, "not sent")
        assert.lengthOf(calls(relay.received), 0)
      }))

    it.live(`gives up where the new session is lost by ${status} as well`, () =>
      Effect.gen(function*() {
        const relay = yield* relayThat(({ id, rpc }, response) => {
          if (rpc !== "tools/call") return json(response, 200, result(Number(id), rpc))
          lost(response)
        })
        yield* using(relay, (session, client) =>
          Effect.gen(function*() {
            const failure = yield* Effect.flip(ask(session, client))
            assert.strictEqual(failure.reason._tag, "SessionLost")
            assert.lengthOf(calls(relay.received), 2)
          }))
      }))
  }

  it.live("asks for one other token on a 401, and sends the call once more with it", () =>
    Effect.gen(function*() {
      const tokens = new Tokens("old", "new")
      const relay = yield* relayThat(({ headers, id, rpc }, response) =>
        rpc === "tools/call" && headers.authorization === "Bearer old"
          ? page(response, 401, { "www-authenticate": "Bearer" })
          : json(response, 200, result(Number(id), "done"))
      )
      yield* using(relay, (session, client) =>
        Effect.map(ask(session, client), (text) =>
          assert.strictEqual(text, JSON.stringify(result(7, "done")))), {
        tokens
      })
      assert.strictEqual(tokens.rejections, 1)
      assert.isAbove(tokens.accepted, 0)
      assert.deepStrictEqual(
        calls(relay.received).map(({ headers }) =>
          headers.authorization
        ),
        [
          "Bearer old",
          "Bearer new"
        ]
      )
    }))

  it.live("takes a 401 that survives another token for a lost session, and then for what it is", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ id, rpc }, response, sessions) =>
        rpc === "tools/call" && sessions.length < 3
          ? page(response, 401)
          : json(response, 200, result(Number(id), "done"))
      )
      yield* using(relay, (session, client) => ask(session, client), { tokens: new Tokens("old", "new") })
      assert.lengthOf(calls(relay.received), 3)

      const never = yield* relayThat(({ id, rpc }, response) =>
        rpc === "tools/call" ? page(response, 401) : json(response, 200, result(Number(id), "done"))
      )
      const failure = yield* Effect.flip(
        using(never, (session, client) => ask(session, client), { tokens: new Tokens("old", "new") })
      )
      assert.strictEqual(failure.reason._tag, "Unauthorized")
      assert.strictEqual(failure.delivery, "not sent")
      assert.lengthOf(calls(never.received), 3)
    }))

  it.live("gives what comes ahead of the answer in order, and the answer as JSON", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ id, rpc }, response) => {
        if (rpc !== "tools/call") return json(response, 200, result(Number(id), rpc))
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(": a comment\n\nevent: ping\ndata: {}\n\n")
        response.write(event({ jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } }))
        response.write(event(result(8, "another's")))
        response.end(event(result(7, "done")) + event({ never: "read" }))
      })
      const seen: Array<string> = []
      let streams = 0
      yield* using(relay, (session, client) =>
        Effect.scoped(Effect.gen(function*() {
          const answer = yield* client.request(session, {
            ...call,
            onStream: () => {
              streams++
            },
            onEvent: ({ data }) =>
              Effect.sync(() => {
                seen.push(data)
              })
          })
          assert.deepStrictEqual(answer.body, { _tag: "Whole", text: JSON.stringify(result(7, "done")) })
          assert.strictEqual(answer.headers["content-type"], "application/json")
        })))
      assert.strictEqual(streams, 1)
      assert.deepStrictEqual(seen.map((data) => JSON.parse(data).method ?? JSON.parse(data).id), [
        "notifications/progress",
        8
      ])
    }))

  it.live("resumes a stream that broke where it had event ids, and once only", () =>
    Effect.gen(function*() {
      let answersOnResume = true
      const relay = yield* relayThat(({ headers, id, method, rpc }, response) => {
        if (method === "POST" && rpc !== "tools/call") return json(response, 200, result(Number(id), rpc))
        response.writeHead(200, { "content-type": "text/event-stream" })
        if (method === "GET" && answersOnResume) {
          assert.strictEqual(headers["last-event-id"], "e1")
          return response.end(event(result(7, "resumed"), "e2"))
        }
        response.write(event({ jsonrpc: "2.0", method: "notifications/x" }, "e1"), () => response.destroy())
      })
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* ask(session, client), JSON.stringify(result(7, "resumed")))
          answersOnResume = false
          relay.received.length = 0
          const failure = yield* Effect.flip(ask(session, client))
          assert.strictEqual(failure.reason._tag, "AnswerCutOff")
          assert.strictEqual(failure.delivery, "unknown")
          assert.lengthOf(relay.received.filter(({ method }) => method === "GET"), 1)
        }))
    }))

  it.live("follows a relay that ends its stream on purpose, for as long as it does", () =>
    Effect.gen(function*() {
      let polls = 0
      const relay = yield* relayThat(({ id, method, rpc }, response) => {
        if (method === "POST" && rpc !== "tools/call") return json(response, 200, result(Number(id), rpc))
        response.writeHead(200, { "content-type": "text/event-stream" })
        if (++polls === 4) return response.end(event(result(7, "at last"), "e4"))
        response.end(`id: e${polls}\nretry: 10\ndata: \n\n`)
      })
      const text = yield* using(relay, (session, client) => ask(session, client))
      assert.strictEqual(text, JSON.stringify(result(7, "at last")))
    }))

  it.live("does not take another's answer, or what is no answer, for its own", () =>
    Effect.gen(function*() {
      for (const body of [result(8, "another's"), { hello: "world" }, [], ""]) {
        const relay = yield* relayThat(({ id, rpc }, response) =>
          json(response, 200, rpc === "tools/call" ? body : result(Number(id), rpc))
        )
        const failure = yield* Effect.flip(using(relay, (session, client) => ask(session, client)))
        assert.strictEqual(failure.reason._tag, "NotJsonRpc")
      }
    }))

  it.live("collects JSON whole, unless it comes in pieces and is to be passed on, or it is larger than 16 MiB", () =>
    Effect.gen(function*() {
      let value = "small"
      let slowly = false
      const relay = yield* relayThat(({ id }, response) => {
        if (!slowly) return json(response, 200, result(Number(id), value))
        const text = JSON.stringify(result(Number(id), value))
        response.writeHead(200, { "content-type": "application/json" })
        response.write(text.slice(0, 9))
        setTimeout(() => response.end(text.slice(9)), 50)
      })
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* ask(session, client, { streamJson: true }), JSON.stringify(result(7, value)))
          slowly = true
          assert.strictEqual(yield* ask(session, client), JSON.stringify(result(7, value)))
          assert.strictEqual(yield* ask(session, client, { streamJson: true }), "chunks")
          slowly = false
          value = "x".repeat(17 * 1024 * 1024)
          const answer = yield* client.request(session, call)
          if (answer.body._tag !== "Chunks") return assert.fail("not chunks")
          let length = 0
          while (true) {
            const chunk = yield* next(answer.body.chunks)
            if (Option.isNone(chunk)) break
            length += chunk.value.length
          }
          assert.strictEqual(length, JSON.stringify(result(7, value)).length)
        }))
    }))

  it.live("does not parse an answer that differs from one before by its id alone", () =>
    Effect.gen(function*() {
      const parse = yield* Effect.acquireRelease(
        Effect.sync(() => vi.spyOn(JSON, "parse")),
        (spy) => Effect.sync(() => spy.mockRestore())
      )
      const parsed = () => parse.mock.calls.filter(([text]) => text.includes("told by this marker")).length
      let asSse = false
      let edition = 0
      /** As official servers write it: the id comes last. */
      const answer = (id: string) =>
        `{"result":{"tools":[ {"name":"\\u00e9 é"} ],"told by this marker":${edition}},"jsonrpc":"2.0","id":${id}}`
      const relay = yield* relayThat(({ body, rpc }, response) => {
        if (rpc !== "tools/list") return void response.writeHead(202).end()
        const text = answer(JsonText.at(body, ["id"]) ?? "")
        response.writeHead(200, { "content-type": asSse ? "text/event-stream" : "application/json" })
        response.end(asSse ? `data: ${text}\n\n` : text)
      })
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          const list = (id: string) => {
            const text = `{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`
            return ask(session, client, { id, text, repeats: true })
          }
          const ids = ["7", "12345678901234567890", `"\\u0061\\"b"`]
          for (const [count, sse] of [false, true, false].entries()) {
            asSse = sse
            edition = count
            for (const id of ids) assert.strictEqual(yield* list(id), answer(id))
            assert.strictEqual(parsed(), count + 1)
          }
        }))
    }))

  it.live("fails a call at once where the relay is gone, and tells the link", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ id, rpc }, response) =>
        rpc === "tools/call" ? response.destroy() : json(response, 200, result(Number(id), rpc))
      )
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          const link = yield* RelayLink
          const failure = yield* Effect.flip(ask(session, client))
          assert.strictEqual(failure.reason._tag, "ConnectionLost")
          // The relay answers probes: it was this call's own failure.
          yield* link.awaitUp
          assert.strictEqual((yield* link.state)._tag, "Up")
        }))
    }))

  it.live("ends a call to a relay that hangs, and takes the link Down", () =>
    Effect.gen(function*() {
      let hangs = false
      const relay = yield* scriptedRelay((request, response) => {
        if (request.rpc === "tools/call") hangs = true
        if (hangs) return void response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
        if (!handshake(request, response, "s")) json(response, 200, result(Number(request.id), request.rpc))
      })
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          const failure = yield* Effect.flip(ask(session, client))
          assert.strictEqual(failure.reason._tag, "Silent")
          assert.strictEqual((yield* (yield* RelayLink).state)._tag, "Down")
        }), { settings: { link: { silence: "50 millis", probeTimeout: "50 millis" } } })
    }))

  it.live("lets a slow tool live, for as long as the relay answers probes, and no longer than its bound", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ id, rpc }, response) => {
        if (rpc !== "tools/call") return json(response, 200, result(Number(id), rpc))
        setTimeout(() => json(response, 200, result(Number(id), "slow")), 400)
      })
      yield* using(relay, (session, client) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* ask(session, client), JSON.stringify(result(7, "slow")))
          const failure = yield* Effect.flip(ask(session, client, { timeout: 200 }))
          assert.strictEqual(failure.reason._tag, "TimedOut")
          assert.isFalse(failure.downClass)
          assert.strictEqual(failure.delivery, "unknown")
        }), { settings: { link: { silence: "50 millis" } } })
    }))

  it.live("notifies, in a new session where the old one is lost", () =>
    Effect.gen(function*() {
      const relay = yield* relayThat(({ headers, id, rpc }, response) => {
        if (rpc === "logging/setLevel") return json(response, 200, result(Number(id), rpc))
        if (headers["mcp-session-id"] === "s1") return void response.writeHead(404).end()
        response.writeHead(200, { "content-type": "text/plain" }).end("ok")
      })
      yield* using(relay, (session, client) => client.notify(session, `{"jsonrpc":"2.0","method":"notifications/x"}`))
      assert.lengthOf(relay.received.filter(({ rpc }) => rpc === "notifications/x"), 2)
    }))

  describe("stream", () => {
    const seed = ({ id, rpc }: Received, response: ServerResponse) => json(response, 200, result(Number(id), rpc))

    it.live("gives the relay's own events", () =>
      Effect.gen(function*() {
        const relay = yield* relayThat((request, response) => {
          if (request.method === "POST") return seed(request, response)
          assert.strictEqual(request.headers["last-event-id"], "e0")
          response.writeHead(200, { "content-type": "text/event-stream" }).end(event({ n: 1 }, "e1"))
        })
        yield* using(relay, (session, client) =>
          Effect.gen(function*() {
            const { answer, session: open } = yield* client.stream(session, "e0")
            assert.strictEqual(open.generation, 1)
            if (answer.body._tag !== "Sse") return assert.fail("no stream")
            assert.strictEqual(Option.getOrThrow(yield* next(answer.body.events)).id, "e1")
            assert.isTrue(Option.isNone(yield* next(answer.body.events)))
          }))
      }))

    it.live("takes a stream that is still held (409) for a session that has to be opened anew", () =>
      Effect.gen(function*() {
        const relay = yield* relayThat((request, response) => {
          if (request.method === "POST") return seed(request, response)
          if (request.headers["mcp-session-id"] === "s1") {
            return json(response, 409, { jsonrpc: "2.0", id: null, error: { code: -32000, message: "Conflict" } })
          }
          assert.isUndefined(request.headers["last-event-id"])
          response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
        })
        yield* using(relay, (session, client) =>
          Effect.gen(function*() {
            const { session: open } = yield* client.stream(session, "e0")
            assert.strictEqual(open.generation, 2)
          }))
      }))

    it.live("says so where the relay has none", () =>
      Effect.gen(function*() {
        for (const status of [404, 405]) {
          const relay = yield* relayThat((request, response) =>
            request.method === "POST" ? seed(request, response) : page(response, status)
          )
          const failure = yield* Effect.flip(using(relay, (session, client) => client.stream(session, undefined)))
          assert.strictEqual(failure.reason._tag, "NoStream")
          assert.isFalse(failure.downClass)
        }
      }))

    it.live("ends when it is silent and the relay answers no probe", () =>
      Effect.gen(function*() {
        let hangs = false
        const relay = yield* relayThat((request, response) => {
          if (request.method === "POST") return seed(request, response)
          response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
        })
        const { script } = relay
        relay.script = (request, response) => hangs && request.rpc === "ping" ? undefined : script(request, response)
        yield* using(relay, (session, client) =>
          Effect.gen(function*() {
            const { answer } = yield* client.stream(session, undefined)
            if (answer.body._tag !== "Sse") return assert.fail("no stream")
            const { events } = answer.body
            assert.isTrue(Option.isNone(yield* Effect.timeoutOption(next(events), "200 millis")))
            hangs = true
            const failure = yield* Effect.flip(next(events))
            assert.strictEqual(failure.reason._tag, "Silent")
          }), { settings: { link: { streamSilence: "50 millis", probeTimeout: "50 millis" } } })
      }))
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { defaultAgent } from "../../../../src/domain/Ids.ts"
import { RelayEra } from "../../../../src/relay/link/RelayEra.ts"
import { RelayLink } from "../../../../src/relay/link/RelayLink.ts"
import { RelaySessions } from "../../../../src/relay/session/RelaySession.ts"
import { ofText } from "../../../../src/relay/transport/Incoming.ts"
import { type Attempt, type RelayAnswer, RelayTransport } from "../../../../src/relay/transport/RelayTransport.ts"
import { liveToken, Tokens } from "../../../support/relay/relayLayers.ts"
import { target } from "../../../support/relay/ScriptedRelay.ts"

const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"n":12345678901234567890}}`

/** A relay that answers `initialize` after a second, and what it was sent. */
const doubles = (sent: Array<Attempt>, result: string, takes: "1 second" | "1 minute" = "1 second") =>
  RelaySessions.layer.pipe(
    Layer.provide([
      RelayEra.layer,
      Layer.mock(RelayTransport, {
        send: Effect.fnUntraced(function*(attempt: Attempt): Effect.fn.Return<RelayAnswer> {
          sent.push(attempt)
          if (attempt.body?.includes(`"initialize"`) !== true) {
            return { status: 202, headers: {}, session: undefined, body: { _tag: "Empty" } }
          }
          yield* Effect.sleep(takes)
          const { id } = JSON.parse(attempt.body)
          const body = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${result}}`
          return { status: 200, headers: {}, session: "relay-session", body: { _tag: "Json", chunks: ofText(body) } }
        })
      }),
      Layer.mock(RelayLink, { answered: Effect.void, report: () => Effect.succeed("link down") }),
      liveToken(new Tokens()),
      target(new URL("http://relay.example/mcp"))
    ])
  )

const seed = Effect.succeed({ initialize, replay: [] })
const opened = (attempts: ReadonlyArray<Attempt>) => attempts.filter(({ body }) => body?.includes(`"initialize"`))

describe("RelaySessions", () => {
  it.effect("opens once for all who ask, with the saved text, and keeps the relay's own words", () => {
    const sent: Array<Attempt> = []
    return Effect.gen(function*() {
      const session = yield* (yield* RelaySessions).make({ agent: defaultAgent, seed })
      assert.isTrue(Option.isNone(yield* session.current))
      const all = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 20 }, () => session.open), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      const [open] = yield* Fiber.join(all)
      assert.deepStrictEqual(open, {
        agent: defaultAgent,
        id: Option.some("relay-session"),
        protocolVersion: "2025-06-18",
        result: `{"protocolVersion": "2025-06-18","n":12345678901234567890}`,
        generation: 1
      })
      assert.lengthOf(opened(sent), 1)
      assert.strictEqual(sent[0]?.body, initialize.replace(`"id":0`, `"id":"holdfast-1"`))
      assert.isTrue(Option.isSome(yield* session.current))
    }).pipe(Effect.provide(doubles(sent, `"result":{"protocolVersion": "2025-06-18","n":12345678901234567890}`)))
  })

  it.effect("opens another one only after the one that is current was lost", () => {
    const sent: Array<Attempt> = []
    return Effect.gen(function*() {
      const session = yield* (yield* RelaySessions).make({ agent: defaultAgent, seed })
      const open = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(session.open)
        yield* TestClock.adjust("1 second")
        return yield* Fiber.join(fiber)
      })
      const first = yield* open
      yield* session.lost(first)
      const second = yield* open
      yield* session.lost(first)
      assert.strictEqual((yield* open).generation, 2)
      assert.strictEqual(second.generation, 2)
      assert.lengthOf(opened(sent), 2)
    }).pipe(Effect.provide(doubles(sent, `"result":{"protocolVersion":"2025-06-18"}`)))
  })

  it.effect("opens 16 sessions at a time", () => {
    const sent: Array<Attempt> = []
    return Effect.gen(function*() {
      const sessions = yield* RelaySessions
      for (let n = 0; n < 40; n++) {
        const session = yield* sessions.make({ agent: defaultAgent, seed })
        yield* Effect.forkChild(session.open, { startImmediately: true })
      }
      assert.lengthOf(opened(sent), 16)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(opened(sent), 32)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(opened(sent), 40)
    }).pipe(Effect.provide(doubles(sent, `"result":{"protocolVersion":"2025-06-18"}`)))
  })

  it.effect("gives up after 10 s, and tries anew when it is asked again", () => {
    const sent: Array<Attempt> = []
    return Effect.gen(function*() {
      const session = yield* (yield* RelaySessions).make({ agent: defaultAgent, seed })
      const fiber = yield* Effect.forkChild(Effect.flip(session.open))
      yield* TestClock.adjust("10 seconds")
      const failure = yield* Fiber.join(fiber)
      assert.strictEqual(failure.reason._tag, "Silent")
      assert.strictEqual(failure.delivery, "not sent")
      yield* Effect.forkChild(session.open, { startImmediately: true })
      assert.lengthOf(opened(sent), 2)
    }).pipe(Effect.provide(doubles(sent, `"result":{}`, "1 minute")))
  })

  it.effect("tells why the relay refused", () => {
    const sent: Array<Attempt> = []
    return Effect.gen(function*() {
      const session = yield* (yield* RelaySessions).make({ agent: defaultAgent, seed })
      const fiber = yield* Effect.forkChild(Effect.flip(session.open))
      yield* TestClock.adjust("1 second")
      const { downClass, reason } = yield* Fiber.join(fiber)
      assert.isFalse(downClass)
      assert.deepStrictEqual([reason._tag, reason._tag === "SessionRefused" && reason.code], ["SessionRefused", -32602])
    }).pipe(Effect.provide(doubles(sent, `"error":{"code":-32602,"message":"no"}`)))
  })

  it.effect("ends the relay's session with the scope", () => {
    const sent: Array<Attempt> = []
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const session = yield* (yield* RelaySessions).make({ agent: defaultAgent, seed }).pipe(Scope.provide(scope))
      yield* Effect.forkChild(session.open)
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sent.map(({ method, session }) => [method, session]).at(-1), ["DELETE", "relay-session"])
    }).pipe(Effect.provide(doubles(sent, `"result":{"protocolVersion":"2025-06-18"}`)))
  })
})

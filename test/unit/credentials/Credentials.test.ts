import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Latch, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { tokenVariablesOf } from "../../../src/config/CredentialSettings.ts"
import { Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { Credentials } from "../../../src/credentials/Credentials.ts"
import {
  CredentialSources,
  CredentialUnavailable,
  type IssuedCredential
} from "../../../src/credentials/CredentialSources.ts"

const minutes = 60_000
const place = { protocol: "https", host: "github.com" }

const refused = new CredentialUnavailable({ name: "gh", code: "HTTP 401", hint: "renew", retryable: false })

/** A source that answers as it is told, and notes when it was asked. */
const scripted = () => {
  const asks: Array<number> = []
  const script = {
    answer: (_at: number): Effect.Effect<IssuedCredential, CredentialUnavailable> => Effect.die("unset")
  }
  const ask = Effect.flatMap(Clock.currentTimeMillis, (at) => {
    asks.push(at)
    return script.answer(at)
  })
  return { asks, script, ask }
}

const issued = (token: string, expiresAt?: number): IssuedCredential => ({
  token: Redacted.make(token),
  expiresAt: Option.fromUndefinedOr(expiresAt),
  username: undefined
})

const withSource = <A, E>(
  test: (script: ReturnType<typeof scripted>) => Effect.Effect<A, E, Credentials>
) =>
  Effect.suspend(() => {
    const source = scripted()
    return test(source).pipe(Effect.provide(Credentials.layerNoDeps.pipe(Layer.provide([
      Layer.succeed(
        Settings,
        settingsFrom({ credentials: { gh: { provider: "github", token: { command: "unused" } } } })
      ),
      Layer.succeed(CredentialSources, { sources: new Map([["gh", { source: "scripted", ask: source.ask }]]) })
    ]))))
  })

const password = Effect.map(
  Effect.flatMap(Credentials, (all) => all.get(place)),
  (found) => Redacted.value(found.password)
)

describe("Credentials", () => {
  it.effect("asks the source when a credential is needed, once for all who come meanwhile", () =>
    withSource(({ asks, script }) =>
      Effect.gen(function*() {
        const latch = yield* Latch.make()
        script.answer = () => Effect.as(latch.await, issued("one", 60 * minutes))
        const gone = yield* Effect.forkChild(password, { startImmediately: true })
        const all = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 20 }, () => password), { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(gone)
        yield* latch.open
        assert.deepStrictEqual([...new Set(yield* Fiber.join(all))], ["one"])
        assert.lengthOf(asks, 1)
        yield* TestClock.adjust("10 days")
        assert.lengthOf(asks, 1)
      })
    ))

  it.effect("gives a token out until 5 minutes before its end, or a fifth of a short life, and then asks for another", () =>
    withSource(({ asks, script }) =>
      Effect.gen(function*() {
        script.answer = (at) => Effect.succeed(issued(`from ${at}`, at + 60 * minutes))
        assert.strictEqual(yield* password, "from 0")
        yield* TestClock.setTime(55 * minutes - 1)
        assert.strictEqual(yield* password, "from 0")
        yield* TestClock.setTime(55 * minutes)
        assert.strictEqual(yield* password, `from ${55 * minutes}`)
        assert.lengthOf(asks, 2)
      })
    ))

  it.effect("keeps the old one until its end while the source fails, and asks at most once in 30 s", () =>
    withSource(({ asks, script }) =>
      Effect.gen(function*() {
        script.answer = () => Effect.succeed(issued("one", 60 * minutes))
        yield* password
        script.answer = () => Effect.fail(refused)
        yield* TestClock.setTime(56 * minutes)
        assert.strictEqual(yield* password, "one")
        assert.strictEqual(yield* password, "one")
        assert.lengthOf(asks, 2)
        yield* TestClock.setTime(60 * minutes)
        assert.strictEqual((yield* Effect.flip(password)).message, refused.message)
        yield* Effect.flip(password)
        assert.lengthOf(asks, 3)
      })
    ))

  it.effect("tell code, hint, attempt and next try of a source that fails, and never ask it only to know", () =>
    withSource(({ asks, script }) =>
      Effect.gen(function*() {
        const { status } = yield* Credentials
        const look = Effect.map(status, ([one]) => one)
        assert.strictEqual((yield* look)?.state, "none")
        assert.isEmpty(asks)
        script.answer = () => Effect.fail(refused)
        yield* Effect.flip(password)
        yield* TestClock.setTime(30_000)
        yield* Effect.flip(password)
        yield* TestClock.setTime(10 * minutes)
        const seen = yield* look
        assert.deepStrictEqual([seen?.state, seen?.attempt, seen?.nextAskAt], ["rejected", 2, Option.some(60_000)])
        assert.deepStrictEqual(
          Option.map(seen?.lastError ?? Option.none(), ({ code, hint }) => [code, hint]),
          Option.some([
            "HTTP 401",
            "renew"
          ])
        )
        assert.lengthOf(asks, 2)
        script.answer = () => Effect.succeed(issued("one"))
        yield* password
        const well = yield* look
        assert.deepStrictEqual([well?.state, well?.attempt, well?.nextAskAt], ["valid", 0, Option.none()])
      })
    ))

  it.effect.each(
    [
      { provider: "github", host: "github.com", username: "x-access-token", variables: ["GH_TOKEN"] },
      { provider: "gitlab", host: "gitlab.com", username: "oauth2", variables: ["GITLAB_TOKEN"] },
      { provider: "http", host: "forge.test", username: "token", variables: [] }
    ] as const
  )(
    "know a provider's usual host, user name and variable: $provider",
    ({ host, provider, username, variables }) =>
      Effect.gen(function*() {
        const hosts = provider === "http" ? [host] : undefined
        const settings = settingsFrom({
          credentials: { one: { provider, ...(hosts && { hosts }), handOver: {}, token: { command: "unused" } } }
        })
        const found = yield* Effect.flatMap(Credentials, (all) => all.get({ protocol: "https", host })).pipe(
          Effect.provide(Credentials.layerNoDeps.pipe(Layer.provide([
            Layer.succeed(Settings, settings),
            Layer.succeed(CredentialSources, {
              sources: new Map([["one", { source: "scripted", ask: Effect.succeed(issued("t")) }]])
            })
          ])))
        )
        assert.deepStrictEqual([found.username, Redacted.value(found.password)], [username, "t"])
        const one = settings.credentials["one"]
        assert.deepStrictEqual(one && tokenVariablesOf(one), [...variables])
      })
  )

  it.effect("does not give out again what was refused, but leaves a newer one alone", () =>
    withSource(({ asks, script }) =>
      Effect.gen(function*() {
        const all = yield* Credentials
        script.answer = (at) => Effect.succeed(issued(`from ${at}`, at + 60 * minutes))
        yield* password
        yield* all.erase(place, Redacted.make("an older one"))
        assert.strictEqual(yield* password, "from 0")
        yield* TestClock.setTime(30_000)
        yield* all.erase(place, Redacted.make("from 0"))
        assert.strictEqual(yield* password, "from 30000")
        assert.lengthOf(asks, 2)
      })
    ))

  it.effect("asks at once, and once, where a fresh one was refused; for the next it waits 30 s", () =>
    withSource(({ asks, script }) =>
      Effect.gen(function*() {
        const all = yield* Credentials
        script.answer = (at) => Effect.succeed(issued(`from ${at}`, at + 60 * minutes))
        yield* password
        yield* TestClock.setTime(5000)
        yield* all.erase(place, Redacted.make("from 0"))
        assert.strictEqual(yield* password, "from 5000")
        yield* TestClock.setTime(6000)
        yield* all.erase(place, Redacted.make("from 5000"))
        assert.include((yield* Effect.flip(password)).message, "just refused")
        yield* TestClock.setTime(34_999)
        yield* Effect.flip(password)
        assert.lengthOf(asks, 2)
        yield* TestClock.setTime(35_000)
        assert.strictEqual(yield* password, "from 35000")
        yield* TestClock.setTime(36_000)
        yield* all.erase(place, undefined)
        assert.strictEqual(yield* password, "from 36000")
      })
    ))

  it.effect("asks once at once where the source fails after a refusal", () =>
    withSource(({ asks, script }) =>
      Effect.gen(function*() {
        const all = yield* Credentials
        script.answer = (at) => at === 0 ? Effect.succeed(issued("first")) : Effect.fail(refused)
        yield* password
        yield* TestClock.setTime(1000)
        yield* all.erase(place, undefined)
        yield* Effect.flip(password)
        yield* Effect.flip(password)
        assert.deepStrictEqual(asks, [0, 1000])
      })
    ))

  it.effect("holds a token that has ended already, or is empty, for a failure", () =>
    withSource(({ script }) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1000)
        script.answer = () => Effect.succeed(issued("old", 1000))
        const error = yield* Effect.flip(password)
        assert.include(error.message, "has ended")
        const [status] = yield* Effect.flatMap(Credentials, (all) => all.status)
        assert.strictEqual(status?.state, "failing")
        yield* TestClock.setTime(31_000)
        script.answer = () => Effect.succeed(issued(""))
        assert.include((yield* Effect.flip(password)).message, "without a token")
      })
    ))

  it.effect("gives up a source that is silent for 10 s", () =>
    withSource(({ script }) =>
      Effect.gen(function*() {
        script.answer = () => Effect.never
        const asking = yield* Effect.forkChild(Effect.flip(password), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
        assert.include((yield* Fiber.join(asking)).message, "no answer within 10 s (timeout)")
      })
    ))

  it.effect.each(
    [
      { protocol: "http", host: "github.com" },
      { protocol: "https", host: "github.com.evil.test" },
      { protocol: "https", host: "github.com:444" },
      { protocol: "https", host: "evil.test/github.com" },
      { protocol: "https", host: "evil.test@github.com" },
      { protocol: "https", host: "github.com/.evil.test" },
      { protocol: "https", host: "%67ithub.com" },
      { protocol: "https", host: "github.com?x" },
      { protocol: "https", host: "github.com#" },
      { protocol: "https", host: "git\thub.com" },
      { protocol: "https", host: "gïthub.com" },
      { protocol: "https", host: "github。com" },
      { protocol: "https://github.com/#", host: "evil.test" },
      { protocol: "HTTPS", host: "github.com" },
      { protocol: "https:", host: "github.com" },
      { protocol: "https", host: "github.com", username: "somebody" }
    ]
  )("are for configured hosts only: $protocol $host", (place) =>
    withSource(({ script }) =>
      Effect.gen(function*() {
        script.answer = () => Effect.succeed(issued("one"))
        const error = yield* Effect.flip(Effect.flatMap(Credentials, (all) => all.get(place)))
        assert.strictEqual(error._tag, "NotOurs")
      })
    ))
})

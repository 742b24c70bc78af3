import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Redacted } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { MintSettings } from "../../../../src/config/TokenSettings.ts"
import * as MintSource from "../../../../src/token/sources/MintSource.ts"
import { temporaryDirectory } from "../../../support/temporaryDirectory.ts"
import { type Answer, httpServer } from "../../../support/token/httpServer.ts"
import { withServices } from "../../../support/token/withServices.ts"

const source = (settings: MintSettings, agent = "", environment: Record<string, string> = {}) =>
  MintSource.make(settings, agent).pipe(
    withServices,
    Effect.map(({ fetch }) =>
      Effect.provideService(fetch, ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment))
    )
  )

/** Asks a server that answers so, at `/mint`. */
const answered = Effect.fnUntraced(
  function*(answer: Answer, settings: Exclude<MintSettings, string> = {}) {
    const server = yield* httpServer(() => answer)
    return yield* yield* source({ ...settings, url: `${server.origin}/mint` })
  }
)

const workspace = (origin: string) => ({
  CLOUD_API_URL: origin,
  WORKSPACE_ID: "w/1",
  WORKSPACE_TOKEN: "workspace-secret"
})

describe("MintSource", () => {
  it.effect("knows the workspace endpoint by its preset, and takes the user's token before the installation's", () =>
    Effect.gen(function*() {
      const server = yield* httpServer(() => ({
        body: {
          token: "ghs_installation",
          userToken: "ghu_user",
          expiresAt: "2026-11-21T12:00:00Z",
          username: "x-access-token"
        }
      }))
      const issued = yield* yield* source({ preset: "workspace-git" }, "", workspace(server.origin))
      assert.strictEqual(Redacted.value(issued.value), "ghu_user")
      assert.deepStrictEqual(issued.expiresAt, Option.some(Date.parse("2026-11-21T12:00:00Z")))
      assert.strictEqual(issued.username, "x-access-token")
      const [asked] = server.asked
      assert.strictEqual(asked?.path, "/api/git/token?workspaceId=w%2F1")
      assert.strictEqual(asked?.headers.authorization, "Bearer workspace-secret")
      assert.isUndefined(asked?.headers["traceparent"])
    }))

  it.effect("takes the installation's token where there is no user's", () =>
    Effect.gen(function*() {
      const server = yield* httpServer(() => ({ body: { token: "ghs_installation", userToken: null } }))
      const issued = yield* yield* source({ preset: "workspace-git" }, "", workspace(server.origin))
      assert.strictEqual(Redacted.value(issued.value), "ghs_installation")
    }))

  it.effect("sends method, headers and body as configured, with secrets from files and the agent's name", () =>
    Effect.gen(function*() {
      const file = join(yield* temporaryDirectory, "key")
      writeFileSync(file, "from-file\n")
      const server = yield* httpServer(() => ({ body: { data: { jwt: "t", ends: 1_800_000_000 } } }))
      const fetch = yield* source({
        url: `${server.origin}/agents/{agent}`,
        method: "POST",
        headers: { "X-Api-Key": Redacted.make(`{file:${file}}`) },
        body: Redacted.make("{\"agent\":\"{agent}\"}"),
        fields: { token: ["data.jwt"], expiresAt: ["data.ends"] }
      }, "ada")
      const issued = yield* fetch
      assert.strictEqual(Redacted.value(issued.value), "t")
      assert.deepStrictEqual(issued.expiresAt, Option.some(1_800_000_000_000))
      writeFileSync(file, "rotated\n")
      yield* fetch
      assert.deepStrictEqual(
        server.asked.map(({ body, headers, method, path }) => [method, path, headers["x-api-key"], body]),
        [["POST", "/agents/ada", "from-file", "{\"agent\":\"ada\"}"], [
          "POST",
          "/agents/ada",
          "rotated",
          "{\"agent\":\"ada\"}"
        ]]
      )
    }))

  it.effect.each([401, 403])(
    "holds a %d for final, and keeps the endpoint's code and hint",
    (status) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          answered({ status, body: { error: "INVALID_WORKSPACE_TOKEN", hint: "renew it" } })
        )
        assert.deepInclude({ ...error }, {
          status,
          code: `HTTP ${status} INVALID_WORKSPACE_TOKEN`,
          hint: "renew it",
          retryable: false
        })
      })
  )

  it.effect.each(
    [
      {
        status: 500,
        body: { error: { code: "NANGO_CONNECTION_EXPIRED", message: "reconnect" }, details: "expired" },
        code: "HTTP 500 NANGO_CONNECTION_EXPIRED",
        hint: "expired"
      },
      {
        status: 404,
        body: { code: "NO_GITHUB_APP_CONNECTION", message: "install the app" },
        code: "HTTP 404 NO_GITHUB_APP_CONNECTION",
        hint: "install the app"
      },
      { status: 502, body: "<html>bad gateway</html>", code: "HTTP 502", hint: "it gave no reason" },
      {
        status: 307,
        headers: { location: "http://127.0.0.1:9/" },
        body: "",
        code: "HTTP 307",
        hint: "it gave no reason"
      }
    ] as const
  )("may ask again after a $status, with $code", ({ code, hint, ...answer }) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(answered(answer))
      assert.deepInclude({ ...error }, { code, hint, retryable: true })
    }))

  it.effect("passes on how long to wait", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(answered({ status: 429, headers: { "retry-after": "17" } }))
      assert.strictEqual(error.retryAfterMillis, 17_000)
    }))

  it.effect.each(
    [
      { body: {}, hint: "the answer holds no token or access_token or accessToken" },
      { body: { token: null }, hint: "the answer holds no token or access_token or accessToken" },
      { body: [], hint: "the answer holds no token or access_token or accessToken" },
      { body: "\"\"", headers: { "content-type": "application/json" }, hint: "the answer is not a JSON object" }
    ] as const
  )("holds a 200 without a token for a failure: $hint", ({ hint, ...answer }) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(answered(answer))
      assert.deepInclude({ ...error }, { code: "no token", hint, retryable: true })
    }))

  it.effect("never shows what it sent, even where the endpoint echoes it", () =>
    Effect.gen(function*() {
      const secret = "echoed-secret-1234"
      const error = yield* Effect.flip(
        answered({ status: 401, body: { error: `bad token ${secret} for header Bearer ${secret}` } }, {
          headers: { Authorization: Redacted.make(`Bearer ${secret}`) }
        })
      )
      assert.notInclude(error.message, secret)
      assert.include(error.message, "bad token …")
    }))

  it.effect("never shows a part of it, such as the key alone out of a body", () =>
    Effect.gen(function*() {
      const key = "s3cret-key-1234"
      for (const echo of [key, key.slice(0, 9), key.slice(-8)]) {
        const error = yield* Effect.flip(
          answered({ status: 500, body: { error: `no key ${echo} here` } }, {
            body: Redacted.make(JSON.stringify({ space: "blue", key }))
          })
        )
        assert.strictEqual(error.hint, "no key … here")
      }
    }))

  it.effect("never shows it in another form either: as it stands in a URL, a form or JSON", () =>
    Effect.gen(function*() {
      const secret = "s&cret \"one\""
      const inUrl = encodeURIComponent(secret)
      for (const echo of [secret, inUrl, inUrl.replaceAll("%20", "+"), JSON.stringify(secret)]) {
        const error = yield* Effect.flip(
          answered({ status: 500, body: { error: `not ${echo} again` } }, { body: Redacted.make(secret) })
        )
        assert.match(error.message, /^not "?…"? again/)
      }
    }))

  it.effect("sends nothing to a place that is neither https nor this machine", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(yield* source("http://192.0.2.1/mint?key=marked"))
      assert.deepInclude({ ...error }, { code: "insecure", retryable: false })
      assert.notInclude(error.message, "marked")
    }))

  it.effect("says what is missing in the environment, and that nobody listens", () =>
    Effect.gen(function*() {
      const unset = yield* Effect.flip(yield* source({ preset: "workspace-git" }))
      assert.strictEqual(unset.hint, "CLOUD_API_URL is not set")
      const refused = yield* Effect.flip(yield* source("http://127.0.0.1:9/mint"))
      assert.deepInclude({ ...refused }, { code: "unreachable", retryable: true })
      assert.include(refused.hint, "http://127.0.0.1:9/mint: ECONNREFUSED")
    }))
})

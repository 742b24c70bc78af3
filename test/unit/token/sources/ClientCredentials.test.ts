import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Result, Schema } from "effect"
import { generateKeyPairSync, verify } from "node:crypto"
import { OAuthSettings } from "../../../../src/config/TokenSettings.ts"
import * as ClientCredentials from "../../../../src/token/sources/ClientCredentials.ts"
import type { IssuedToken, TokenSourceFailed } from "../../../../src/token/sources/TokenSource.ts"
import { type Answer, type Asked, httpServer } from "../../../support/token/httpServer.ts"
import { withServices } from "../../../support/token/withServices.ts"

/** Of an issuer at the relay's own origin, where the settings name none. */
const fetchWith = (settings: OAuthSettings, relay: string) =>
  ClientCredentials.make({ issuer: new URL(relay).origin, ...settings }, new URL(relay), "").pipe(
    withServices,
    Effect.map(({ fetch }): Effect.Effect<IssuedToken, TokenSourceFailed> => fetch)
  )

const keyPair = (kind: string) => {
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 })
  return kind === "ec" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519")
}

type Routes = Readonly<Record<string, (asked: Asked, origin: string) => Answer>>

/** Relay and authorization server in one; what no route answers is a 404. */
const servers = (routes: Routes) =>
  httpServer((asked, origin) => routes[asked.path.split("?")[0] ?? ""]?.(asked, origin) ?? { status: 404 })

const metadata = (more: object = {}): Routes[string] => (_, origin) => ({
  body: { issuer: origin, token_endpoint: `${origin}/oauth/token`, ...more }
})
const token: Routes[string] = () => ({
  body: { access_token: "t1", token_type: "Bearer", expires_in: 60, scope: "b a" }
})
const challenge = (parameters: string): Routes[string] => () => ({
  status: 401,
  headers: { "www-authenticate": `Bearer ${parameters}` }
})

const credentials: OAuthSettings = { clientId: "id:1", clientSecret: Redacted.make("s&cret") }
const formOf = ({ body }: Asked) => Object.fromEntries(new URLSearchParams(body))
const paths = (asked: ReadonlyArray<Asked>) => asked.map(({ path }) => path)

describe("ClientCredentials", () => {
  it.effect("follows the relay's challenge to its metadata, and names the resource to its own issuer", () =>
    Effect.gen(function*() {
      const server = yield* servers({
        "/mcp": (asked, origin) => challenge(`resource_metadata="${origin}/meta", scope="tools"`)(asked, origin),
        "/meta": (_, origin) => ({ body: { resource: `${origin}/mcp`, authorization_servers: [`${origin}/tenant`] } }),
        "/.well-known/oauth-authorization-server/tenant": (_, origin) => ({
          body: { issuer: `${origin}/tenant`, token_endpoint: `${origin}/oauth/token` }
        }),
        "/oauth/token": token
      })
      const fetch = yield* fetchWith({ ...credentials, issuer: `${server.origin}/tenant` }, `${server.origin}/mcp`)
      const issued = yield* fetch
      assert.strictEqual(Redacted.value(issued.value), "t1")
      assert.deepStrictEqual([issued.expiresAt, issued.scopes], [Option.some(60_000), ["b", "a"]])
      const [asked] = server.asked.slice(-1)
      if (asked === undefined) return assert.fail("the token endpoint was not asked")
      assert.deepStrictEqual(formOf(asked), {
        grant_type: "client_credentials",
        scope: "tools",
        resource: `${server.origin}/mcp`
      })
      assert.strictEqual(asked.headers.authorization, `Basic ${Buffer.from("id%3A1:s%26cret").toString("base64")}`)
      yield* fetch
      assert.strictEqual(server.asked.filter(({ path }) => path === "/meta").length, 1)
    }))

  it.effect("sends no secret where only the relay says whose it is: the settings have to", () =>
    Effect.gen(function*() {
      const evil = yield* servers({
        "/.well-known/oauth-authorization-server": metadata(),
        "/oauth/token": token
      })
      const server = yield* servers({
        "/.well-known/oauth-protected-resource/mcp": (_, origin) => ({
          body: { resource: `${origin}/mcp`, authorization_servers: [evil.origin] }
        })
      })
      const source = yield* withServices(ClientCredentials.make(credentials, new URL(`${server.origin}/mcp`), ""))
      assert.include((yield* Effect.flip(source.fetch)).hint, "is not for the relay to say")
      assert.isEmpty(evil.asked)
      const decoded = Schema.decodeUnknownResult(OAuthSettings)({ clientId: "c", clientSecret: "s3cret" })
      assert.include(String(Option.getOrThrow(Result.getFailure(decoded))), "is not for the relay to say")
    }))

  it.effect("looks at the well-known places where the challenge names none", () =>
    Effect.gen(function*() {
      const server = yield* servers({
        "/api/mcp": challenge(""),
        "/.well-known/oauth-protected-resource": (_, origin) => ({
          body: { resource: origin, authorization_servers: [origin] }
        }),
        "/.well-known/openid-configuration": metadata(),
        "/oauth/token": token
      })
      yield* yield* fetchWith(credentials, `${server.origin}/api/mcp`)
      assert.deepStrictEqual(paths(server.asked), [
        "/api/mcp",
        "/.well-known/oauth-protected-resource/api/mcp",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/oauth/token"
      ])
      assert.strictEqual(server.asked.map(formOf).at(-1)?.["resource"], server.origin)
    }))

  it.effect("asks a configured token endpoint, without any discovery", () =>
    Effect.gen(function*() {
      const server = yield* servers({ "/t": token })
      yield* yield* fetchWith(
        { ...credentials, tokenEndpoint: `${server.origin}/t`, scope: "x" },
        "https://relay.test/mcp"
      )
      assert.deepStrictEqual(paths(server.asked), ["/t"])
      assert.deepStrictEqual(server.asked.map(formOf), [
        { grant_type: "client_credentials", scope: "x", resource: "https://relay.test/mcp" }
      ])
    }))

  it.effect("puts the secret into the form where the server takes it only there", () =>
    Effect.gen(function*() {
      const server = yield* servers({
        "/.well-known/oauth-authorization-server": metadata({
          token_endpoint_auth_methods_supported: ["client_secret_post"]
        }),
        "/oauth/token": token
      })
      yield* yield* fetchWith(credentials, `${server.origin}/mcp`)
      const [asked] = server.asked.slice(-1)
      assert.isUndefined(asked?.headers.authorization)
      assert.deepInclude(asked && formOf(asked), { client_id: "id:1", client_secret: "s&cret" })
    }))

  it.effect.each(["ec", "rsa", "ed25519"])(
    "signs an assertion with its own key of kind %s, and sends no secret",
    (kind) =>
      Effect.gen(function*() {
        const { privateKey, publicKey } = keyPair(kind)
        const server = yield* servers({ "/.well-known/oauth-authorization-server": metadata(), "/oauth/token": token })
        const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }))
        yield* yield* fetchWith({ clientId: "id", privateKey: Redacted.make(pem) }, `${server.origin}/mcp`)
        const asked = server.asked.at(-1)
        assert.isUndefined(asked?.headers.authorization)
        const form = asked === undefined ? {} : formOf(asked)
        assert.strictEqual(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        const [header = "", payload = "", signature = ""] = (form["client_assertion"] ?? "").split(".")
        const claims = JSON.parse(Buffer.from(payload, "base64url").toString())
        assert.deepInclude(claims, { iss: "id", sub: "id", aud: server.origin, iat: 0, exp: 60 })
        const { alg } = JSON.parse(Buffer.from(header, "base64url").toString())
        assert.strictEqual(alg, { ec: "ES256", rsa: "RS256", ed25519: "EdDSA" }[kind])
        const right = verify(
          kind === "ed25519" ? null : "sha256",
          Buffer.from(`${header}.${payload}`),
          { key: publicKey, dsaEncoding: "ieee-p1363" },
          Buffer.from(signature, "base64url")
        )
        assert.isTrue(right)
      })
  )

  it.effect("says that a key cannot be used, without showing it", () =>
    Effect.gen(function*() {
      const server = yield* servers({ "/.well-known/oauth-authorization-server": metadata(), "/oauth/token": token })
      const settings = { clientId: "id", privateKey: Redacted.make("no key at all") }
      const error = yield* Effect.flip(yield* fetchWith(settings, `${server.origin}/mcp`))
      assert.strictEqual(error.code, "not configured")
      assert.include(error.hint, "PEM")
      assert.notInclude(error.message, "no key at all")
    }))

  it.effect.each(
    [
      {
        what: "metadata of another relay",
        code: "wrong resource",
        routes: {
          "/.well-known/oauth-protected-resource/mcp": () => ({ body: { resource: "https://other.test/mcp" } })
        }
      },
      {
        what: "metadata of another issuer",
        code: "wrong issuer",
        routes: { "/.well-known/oauth-authorization-server": metadata({ issuer: "https://other.test" }) }
      },
      {
        what: "a token endpoint without TLS elsewhere",
        code: "insecure",
        routes: { "/.well-known/oauth-authorization-server": metadata({ token_endpoint: "http://192.0.2.1/token" }) }
      }
    ]
  )("sends no secret by $what", ({ code, routes }) =>
    Effect.gen(function*() {
      const server = yield* servers({ ...routes, "/oauth/token": token, "/token": token })
      const error = yield* Effect.flip(yield* fetchWith(credentials, `${server.origin}/mcp`))
      assert.strictEqual(error.code, code)
      assert.isEmpty(server.asked.filter(({ headers, method, path }) =>
        (method === "POST" && path !== "/mcp") || headers.authorization
      ))
    }))

  it.effect("holds a refused client for final, and looks everything up again with the next ask", () =>
    Effect.gen(function*() {
      const server = yield* servers({
        "/.well-known/oauth-authorization-server": metadata(),
        "/oauth/token": () => ({ status: 400, body: { error: "invalid_client", error_description: "no such client" } })
      })
      const fetch = yield* fetchWith(credentials, `${server.origin}/mcp`)
      const error = yield* Effect.flip(fetch)
      assert.deepInclude({ ...error }, {
        code: "HTTP 400 invalid_client",
        hint: "no such client",
        retryable: false,
        status: 400
      })
      yield* Effect.flip(fetch)
      assert.strictEqual(
        paths(server.asked).filter((path) => path === "/.well-known/oauth-authorization-server").length,
        2
      )
    }))

  it.effect("sends its secret to nobody where the settings name no issuer, whomever the relay names", () =>
    Effect.gen(function*() {
      const server = yield* servers({
        "/mcp": challenge(""),
        "/.well-known/oauth-protected-resource/mcp": (_, origin) => ({
          body: { resource: `${origin}/mcp`, authorization_servers: [origin] }
        }),
        "/.well-known/oauth-authorization-server": metadata(),
        "/oauth/token": token
      })
      const made = ClientCredentials.make(credentials, new URL(`${server.origin}/mcp`), "").pipe(withServices)
      const error = yield* Effect.flip((yield* made).fetch)
      assert.strictEqual(error.code, "not configured")
      assert.isEmpty(server.asked.filter(({ path }) => path === "/oauth/token"))
    }))
})

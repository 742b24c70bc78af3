/** OAuth 2 client credentials (RFC 6749, section 4.4), for the relay's own resource (RFC 8707), discovered where need be. */
import { Clock, Effect, FileSystem, Redacted, Stream } from "effect"
import { HttpClient } from "effect/http"
import { createPrivateKey, randomUUID } from "node:crypto"
import type { OAuthSettings } from "../../config/TokenSettings.ts"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import * as Jwt from "./Jwt.ts"
import * as Template from "./Template.ts"
import * as TokenAnswer from "./TokenAnswer.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"
import * as TokenHttp from "./TokenHttp.ts"
import { type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

// A client that shows who it is by signing (`private_key_jwt`: RFC 7523, sections 2.2 and 3), so that no secret is
// sent.

const lifetimeSeconds = 60

const unusable = (hint: string) => new TokenSourceFailed({ code: "not configured", hint, retryable: false })

/** The form's members for one request; `pem` is the private key, `audience` the server's issuer. */
export const assertion = Effect.fnUntraced(function*(clientId: string, pem: Redacted.Redacted, audience: string) {
  const key = yield* Effect.try({
    try: () => createPrivateKey(Redacted.value(pem)),
    catch: () => unusable("oauth.privateKey is no private key in PEM")
  })
  const algorithm = Jwt.algorithmOf(key)
  if (algorithm === undefined) return yield* unusable("oauth.privateKey is neither RSA, P-256 nor Ed25519")
  const { alg, hash } = algorithm
  const iat = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const claims = { iss: clientId, sub: clientId, aud: audience, iat, exp: iat + lifetimeSeconds, jti: randomUUID() }
  return {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: Jwt.sign({ alg, typ: "JWT" }, claims, key, hash)
  }
})

/** Found without the relay's word: it is no reason to send anybody a secret (MCP 2026-07-28, binding of credentials). */
interface Place extends TokenHttp.NamedBy {
  readonly endpoint: string
  /** For whom an assertion is: the server's issuer, or where that is not known its token endpoint. */
  readonly audience: string
  readonly methods: ReadonlyArray<string> | undefined
  readonly resource: string
  readonly scope: string | undefined
}

export const make = Effect.fnUntraced(function*(settings: OAuthSettings, relay: URL | undefined, agent: string) {
  const context = yield* Effect.context<FileSystem.FileSystem | HttpClient.HttpClient>()
  const name = `oauth:${settings.clientId}`
  const filled = (text: string | undefined) =>
    text === undefined ? Effect.undefined : Template.resolve(text, agent, encodeURIComponent)

  const discover = Effect.gen(function*() {
    const endpoint = yield* filled(settings.tokenEndpoint)
    const issuer = yield* filled(settings.issuer)
    const resource = yield* filled(settings.resource)
    const own = relay === undefined ? undefined : AuthorizationServer.canonical(relay)
    const asked = relay === undefined || endpoint !== undefined || (issuer !== undefined && resource !== undefined)
      ? { resource: resource ?? own ?? "", scope: undefined }
      : yield* AuthorizationServer.protectedResource(relay)
    const scope = settings.scope ?? asked.scope
    if (endpoint !== undefined) {
      return {
        namedBy: undefined,
        endpoint,
        audience: issuer ?? endpoint,
        methods: undefined,
        resource: resource ?? asked.resource,
        scope
      } satisfies Place
    }
    if (issuer === undefined) {
      return yield* unusable(
        "set oauth.issuer or oauth.tokenEndpoint: whom the client's credentials are for is not for the relay to say"
      )
    }
    const namedBy = yield* TokenHttp.safeUrl(issuer)
    const metadata = yield* AuthorizationServer.serverMetadata(issuer, namedBy)
    return {
      namedBy,
      endpoint: metadata.token_endpoint,
      audience: metadata.issuer,
      methods: metadata.token_endpoint_auth_methods_supported,
      resource: resource ?? asked.resource,
      scope
    } satisfies Place
  })

  // Metadata may move: looked up again after each failure, and kept while all is well.
  let known: Place | undefined
  const fetch = Effect.gen(function*() {
    const place: Place = known ?? (yield* discover)
    const secret = settings.clientSecret === undefined
      ? undefined
      : Redacted.make(yield* Template.resolve(Redacted.value(settings.clientSecret), agent))
    const signed = settings.privateKey === undefined
      ? {}
      : yield* assertion(
        settings.clientId,
        Redacted.make(yield* Template.resolve(Redacted.value(settings.privateKey), agent)),
        place.audience
      )
    known = undefined
    const text = yield* TokenEndpoint.request(
      place.endpoint,
      { id: settings.clientId, secret, methods: place.methods },
      { grant_type: "client_credentials", scope: place.scope, resource: place.resource || undefined, ...signed },
      place
    )
    const issued = yield* TokenAnswer.read(text, { source: `${name} ${place.endpoint}`, bare: false })
    known = place
    return issued
  }).pipe(Effect.provideContext(context))

  return { name, fetch, changes: Stream.empty } satisfies TokenSource
})

/**
 * Finds the authorization server of a relay: MCP's authorization section (2025-11-25 and 2026-07-28), RFC 9728, RFC 8414
 * and OpenID Connect Discovery.
 *
 * Metadata is taken only over TLS or from this machine, and only where it names itself as we came to it.
 */
import { Effect, Option, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { challengeOf } from "./RelayChallenge.ts"
import { failureOf, shown } from "./SourceProblem.ts"
import * as TokenHttp from "./TokenHttp.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

const Texts = Schema.optionalKey(Schema.Array(Schema.String))

export const ResourceMetadata = Schema.Struct({
  resource: Schema.String,
  authorization_servers: Texts,
  scopes_supported: Texts,
  dpop_bound_access_tokens_required: Schema.optionalKey(Schema.Boolean),
  dpop_signing_alg_values_supported: Texts
})
export type ResourceMetadata = typeof ResourceMetadata.Type

export const ServerMetadata = Schema.Struct({
  issuer: Schema.String,
  token_endpoint: Schema.String,
  authorization_endpoint: Schema.optionalKey(Schema.String),
  registration_endpoint: Schema.optionalKey(Schema.String),
  userinfo_endpoint: Schema.optionalKey(Schema.String),
  device_authorization_endpoint: Schema.optionalKey(Schema.String),
  dpop_signing_alg_values_supported: Texts,
  scopes_supported: Texts,
  token_endpoint_auth_methods_supported: Texts,
  code_challenge_methods_supported: Texts,
  client_id_metadata_document_supported: Schema.optionalKey(Schema.Boolean),
  authorization_response_iss_parameter_supported: Schema.optionalKey(Schema.Boolean)
})
export interface ServerMetadata extends Schema.Schema.Type<typeof ServerMetadata> {
  /** It serves none: these are the endpoints of MCP's revision 2025-03-26. */
  readonly assumed?: true
}

export interface ProtectedResource {
  /** What a token is asked for. */
  readonly resource: string
  readonly issuers: ReadonlyArray<string>
  /** What the relay's challenge or metadata asks for. */
  readonly scope: string | undefined
  /** Whether the relay refused who has no token. */
  readonly challenged: boolean
  /** Whether it takes tokens that are bound to a key, and whether it takes no others (RFC 9449; RFC 9728, section 2). */
  readonly bound: "no" | "may be" | "must be"
}

/** What the other side says of itself is shown as anybody's text is. */
const wrong = (code: string, hint: string) => new TokenSourceFailed({ code, hint: shown(hint, []), retryable: true })

const get = Effect.fnUntraced(function*<S extends Schema.Decoder<unknown>>(url: string, schema: S, namedBy: URL) {
  const place = yield* TokenHttp.safeUrl(url)
  const request = HttpClientRequest.get(place).pipe(HttpClientRequest.setHeader("accept", "application/json"))
  const answer = yield* TokenHttp.send(request, { namedBy })
  // Where it is not served another place may be tried; a server that fails is no answer to that.
  if (answer.status >= 500 || answer.status === 429) return yield* failureOf(answer, [])
  if (answer.status !== 200) return Option.none()
  return Schema.decodeUnknownOption(Schema.fromJsonString(schema))(answer.text)
})

const firstOf = Effect.fnUntraced(function*<S extends Schema.Decoder<unknown>>(
  urls: ReadonlyArray<string>,
  schema: S,
  namedBy: URL
) {
  for (const url of urls) {
    const found = yield* get(url, schema, namedBy)
    if (Option.isSome(found)) return found
  }
  return Option.none()
})

/** Before the path (RFC 8414, section 3.1; RFC 9728, section 3.1). */
const wellKnown = (name: string, url: URL): string =>
  `${url.origin}/.well-known/${name}${url.pathname === "/" ? "" : url.pathname.replace(/\/$/, "")}`

const parameter = (challenge: string, name: string): string | undefined =>
  new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1]

/** The canonical form that `resource` has (RFC 8707; MCP, section Resource Parameter). */
export const canonical = (url: URL): string => `${url.origin}${url.pathname === "/" ? "" : url.pathname}${url.search}`

/** Whether a token for the resource is for this relay. */
export const covers = (resource: string, relay: URL): boolean => {
  const url = URL.parse(resource)
  if (url === null || url.origin !== relay.origin) return false
  const path = url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`
  return `${relay.pathname}/`.startsWith(path)
}

const boundBy = (challenge: string, metadata?: ResourceMetadata): ProtectedResource["bound"] => {
  const { dpop_bound_access_tokens_required: required, dpop_signing_alg_values_supported: taken } = metadata ?? {}
  const asked = /(?:^|,)\s*DPoP(?=\s|,|$)/i.test(challenge)
  if (required === true || (asked && !/(?:^|,)\s*Bearer(?=\s|,|$)/i.test(challenge))) return "must be"
  return asked || taken !== undefined ? "may be" : "no"
}

/** Asks the relay, without a token; what it does not tell is assumed: itself as resource, its origin as issuer. */
export const protectedResource = Effect.fn("AuthorizationServer.protectedResource")(function*(relay: URL) {
  yield* TokenHttp.safeUrl(relay.href)
  const refusal = yield* challengeOf(relay)
  const challenge = refusal ?? ""
  const challenged = refusal !== undefined
  const named = parameter(challenge, "resource_metadata")
  const places = named === undefined
    ? [wellKnown("oauth-protected-resource", relay), `${relay.origin}/.well-known/oauth-protected-resource`]
    : [named]
  const found = yield* firstOf(places, ResourceMetadata, relay)
  const scope = parameter(challenge, "scope")
  if (Option.isNone(found)) {
    const bound = boundBy(challenge)
    return { resource: canonical(relay), issuers: [relay.origin], scope, challenged, bound }
  }
  const { authorization_servers = [], resource, scopes_supported } = found.value
  if (!covers(resource, relay)) {
    return yield* wrong("wrong resource", `the relay's metadata is for ${resource}, not for ${canonical(relay)}`)
  }
  return {
    resource,
    issuers: authorization_servers.length === 0 ? [relay.origin] : authorization_servers,
    scope: scope ?? scopes_supported?.join(" "),
    challenged,
    bound: boundBy(challenge, found.value)
  } satisfies ProtectedResource
})

/**
 * The server's metadata; where it serves none, the endpoints of MCP's revision 2025-03-26. `namedBy`: the URL of the
 * settings that led to the issuer.
 */
export const serverMetadata = Effect.fn("AuthorizationServer.serverMetadata")(function*(
  issuer: string,
  namedBy: URL
): Effect.fn.Return<ServerMetadata, TokenSourceFailed, HttpClient.HttpClient> {
  const url = yield* TokenHttp.safeUrl(issuer)
  const places = [wellKnown("oauth-authorization-server", url), wellKnown("openid-configuration", url)]
  const appended = `${url.href.replace(/\/$/, "")}/.well-known/openid-configuration`
  const found = yield* firstOf(url.pathname === "/" ? places : [...places, appended], ServerMetadata, namedBy)
  if (Option.isSome(found)) {
    if (found.value.issuer.replace(/\/$/, "") === issuer.replace(/\/$/, "")) return found.value
    return yield* wrong("wrong issuer", `the metadata of ${issuer} calls itself ${found.value.issuer}`)
  }
  if (url.pathname !== "/") return yield* wrong("no metadata", `the authorization server ${issuer} serves no metadata`)
  return {
    assumed: true,
    issuer,
    authorization_endpoint: `${url.origin}/authorize`,
    token_endpoint: `${url.origin}/token`,
    registration_endpoint: `${url.origin}/register`
  }
})

/**
 * The authorization-code flow for a person at a browser: MCP's authorization section, OAuth 2.1, RFC 7636 (PKCE),
 * RFC 7591 (registration), RFC 8252 (loopback redirect), RFC 8707 (resource), RFC 9207 (`iss`).
 *
 * What a login before it at the same server was allowed is asked for again, so that more rights never cost others.
 */
import { Effect, Redacted } from "effect"
import { createHash } from "node:crypto"
import * as ClientRegistration from "./ClientRegistration.ts"
import type { RegisteredClient } from "./ClientRegistration.ts"
import { type LoginPlace, noLogin, refuse } from "./LoginPlace.ts"
import * as NewLogin from "./NewLogin.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"
import * as TokenHttp from "./TokenHttp.ts"

export interface Authorization {
  /** For the person's browser. */
  readonly url: string
  /** Takes what the browser was sent back with, and gives what is to be kept. */
  readonly complete: (query: URLSearchParams) => ReturnType<typeof finish>
}

interface Begun {
  readonly place: LoginPlace
  readonly client: RegisteredClient
  readonly redirectUri: string
  readonly state: string
  readonly verifier: string
}

/** `client`: registered beforehand, or the URL of a client id metadata document. */
export const begin = Effect.fn("Authorization.begin")(function*(options: {
  readonly place: LoginPlace
  readonly redirectUri: string
  readonly client: { readonly id: string; readonly secret?: string | undefined } | undefined
}) {
  const { place, redirectUri } = options
  const { namedBy, resource, scopes, server } = place
  const endpoint = server.authorization_endpoint
  if (endpoint === undefined) {
    return yield* refuse("no authorization", `${server.issuer} knows no authorization endpoint`)
  }
  if (server.code_challenge_methods_supported?.includes("S256") !== true && server.assumed !== true) {
    return yield* refuse("no PKCE", `${server.issuer} does not say that it takes PKCE with S256`)
  }
  const scope = scopes.join(" ")
  const registered = options.client === undefined && server.registration_endpoint !== undefined
    ? yield* ClientRegistration.register(server.registration_endpoint, server, redirectUri, scope || undefined, namedBy)
      .pipe(
        Effect.mapError((error) => server.assumed === true ? noLogin(place) : error)
      )
    : undefined
  const client: RegisteredClient | undefined = options.client === undefined ? registered : {
    ...options.client,
    methods: options.client.secret === undefined ? ["none"] : server.token_endpoint_auth_methods_supported
  }
  if (client === undefined) {
    return yield* refuse("no client", `${server.issuer} registers no clients: name one with --client-id`)
  }
  const begun: Begun = { place, client, redirectUri, state: NewLogin.random(), verifier: NewLogin.random() }
  const url = yield* TokenHttp.safeUrl(endpoint)
  const query: Readonly<Record<string, string>> = {
    response_type: "code",
    client_id: client.id,
    redirect_uri: redirectUri,
    state: begun.state,
    code_challenge: createHash("sha256").update(begun.verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource,
    ...(scope === "" ? {} : { scope }),
    // Without it servers leave `offline_access` aside (OpenID Connect Core 1.0, section 11).
    ...(scopes.includes("offline_access") ? { prompt: "consent" } : {})
  }
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
  return { url: url.href, complete: (query) => finish(begun, query) } satisfies Authorization
})

const finish = Effect.fnUntraced(function*(begun: Begun, query: URLSearchParams) {
  const { client, place } = begun
  const { authorization_response_iss_parameter_supported: issNeeded, issuer, token_endpoint } = place.server
  if (query.get("state") !== begun.state) {
    return yield* refuse("wrong state", "the browser came back from another login")
  }
  const iss = query.get("iss")
  if (iss === null ? issNeeded === true : iss !== issuer) {
    return yield* refuse("wrong issuer", `the answer comes from ${iss ?? "nobody"}, not from ${issuer}`)
  }
  const error = query.get("error")
  if (error !== null) return yield* refuse(error, query.get("error_description") ?? "the login was refused")
  const code = query.get("code")
  if (code === null) return yield* refuse("no code", "the browser came back without a code")
  const text = yield* TokenEndpoint.request(
    token_endpoint,
    {
      id: client.id,
      secret: client.secret === undefined ? undefined : Redacted.make(client.secret),
      methods: client.methods
    },
    {
      grant_type: "authorization_code",
      code,
      redirect_uri: begun.redirectUri,
      code_verifier: begun.verifier,
      resource: place.resource
    },
    place
  )
  return yield* NewLogin.of(text, place, client)
})

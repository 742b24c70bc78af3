/**
 * The authorization-code flow for a person at a browser: MCP's authorization section, OAuth 2.1, RFC 7636 (PKCE),
 * RFC 8252 (loopback redirect), RFC 8707 (resource), RFC 9207 (`iss`), RFC 9449 (tokens bound to a key).
 *
 * What a login before it at the same server was allowed is asked for again, so that more rights never cost others.
 */
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import { createHash } from "node:crypto"
import * as ClientRegistration from "./ClientRegistration.ts"
import type { ClientOptions, RegisteredClient } from "./ClientRegistration.ts"
import type { KnownClient } from "./KnownClients.ts"
import { type LoginPlace, refuse } from "./LoginPlace.ts"
import * as NewLogin from "./NewLogin.ts"
import type { ProofKey } from "./ProofKey.ts"
import * as TokenHttp from "./TokenHttp.ts"

export interface Authorization {
  /** For the person's browser. */
  readonly url: string
  /** A client that was registered for this, to be kept for the next login. */
  readonly registered?: KnownClient | undefined
  /** Takes what the browser was sent back with, and gives what is to be kept. */
  readonly complete: (query: URLSearchParams) => ReturnType<typeof finish>
}

interface Begun {
  readonly place: LoginPlace
  readonly client: RegisteredClient
  readonly key: ProofKey | undefined
  readonly redirectUri: string
  readonly state: string
  readonly verifier: string
}

/** What the browser opens. */
const addressOf = (endpoint: URL, { client, key, place, redirectUri, state, verifier }: Begun): URL => {
  const { resource, scopes } = place
  const query: Readonly<Record<string, string>> = {
    response_type: "code",
    client_id: client.id,
    redirect_uri: redirectUri,
    state,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
    // Without it servers leave `offline_access` aside (OpenID Connect Core 1.0, section 11).
    ...(scopes.includes("offline_access") ? { prompt: "consent" } : {}),
    ...(key === undefined ? {} : { dpop_jkt: key.thumbprint })
  }
  const url = new URL(endpoint)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url
}

/** A server that has forgotten the client would show that to the browser alone, and the person would wait in vain. */
const isForgotten = (url: URL, { namedBy }: LoginPlace) =>
  TokenHttp.send(HttpClientRequest.get(url), { namedBy, onlyFailures: true }).pipe(
    Effect.map(({ status }) => status >= 400 && status < 500)
  )

export const begin = Effect.fn("Authorization.begin")(function*(
  place: LoginPlace,
  redirectUri: string,
  options: ClientOptions,
  state: string = NewLogin.random()
) {
  const { server } = place
  if (server.authorization_endpoint === undefined) {
    return yield* refuse("no authorization", `${server.issuer} knows no authorization endpoint`)
  }
  if (server.code_challenge_methods_supported?.includes("S256") !== true && server.assumed !== true) {
    return yield* refuse("no PKCE", `${server.issuer} does not say that it takes PKCE with S256`)
  }
  const endpoint = yield* TokenHttp.safeUrl(server.authorization_endpoint)
  const own = { place, key: NewLogin.keyFor(place), redirectUri, state, verifier: NewLogin.random() }
  const as = (client: RegisteredClient): Begun => ({ ...own, client })
  let chosen = yield* ClientRegistration.choose(place, redirectUri, options)
  if (chosen.reused && (yield* isForgotten(addressOf(endpoint, as(chosen.client)), place))) {
    chosen = yield* ClientRegistration.choose(place, redirectUri, { ...options, known: undefined })
  }
  const begun = as(chosen.client)
  return {
    url: addressOf(endpoint, begun).href,
    registered: chosen.registered,
    complete: (query) => finish(begun, query)
  } satisfies Authorization
})

const finish = Effect.fnUntraced(function*(begun: Begun, query: URLSearchParams) {
  const { client, key, place } = begun
  const { authorization_response_iss_parameter_supported: issNeeded, issuer } = place.server
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
  return yield* NewLogin.request(place, client, key, {
    grant_type: "authorization_code",
    code,
    redirect_uri: begun.redirectUri,
    code_verifier: begun.verifier
  })
})

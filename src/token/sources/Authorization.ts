/**
 * The authorization-code flow for a person at a browser: MCP's authorization section, OAuth 2.1, RFC 7636 (PKCE),
 * RFC 7591 (registration), RFC 8252 (loopback redirect), RFC 8707 (resource), RFC 9207 (`iss`).
 *
 * What a login before it at the same server was allowed is asked for again, so that more rights never cost others.
 */
import { Effect, Redacted } from "effect"
import { createHash, randomBytes } from "node:crypto"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import * as ClientRegistration from "./ClientRegistration.ts"
import type { RegisteredClient } from "./ClientRegistration.ts"
import type { Login } from "./LoginFile.ts"
import { shown } from "./SourceProblem.ts"
import * as TokenAnswer from "./TokenAnswer.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"
import * as TokenHttp from "./TokenHttp.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

const random = () => randomBytes(32).toString("base64url")
/** What the other side or a browser said is shown as anybody's text is. */
const refuse = (code: string, hint: string) =>
  new TokenSourceFailed({ code: shown(code, []), hint: shown(hint, []), retryable: false })

/** No metadata, and nobody at the endpoints that servers without metadata have. */
const noLogin = (relay: URL, challenged: boolean) =>
  refuse(
    "no login",
    `${TokenHttp.placeOf(relay)} ${
      challenged
        ? "asks for a token, but offers no login (no OAuth metadata): get a token from who runs it, and name where it "
          + "is: HOLDFAST_RELAY_TOKEN, token.file, token.command"
        : "offers no login, and asks for no token: none is needed"
    }`
  )

const sameIssuer = (one: string, other: string): boolean => one.replace(/\/$/, "") === other.replace(/\/$/, "")

const wordsOf = (scope: string | undefined): ReadonlyArray<string> =>
  scope?.split(" ").filter((word) => word !== "") ?? []

export interface Authorization {
  /** For the person's browser. */
  readonly url: string
  /** Takes what the browser was sent back with, and gives what is to be kept. */
  readonly complete: (query: URLSearchParams) => ReturnType<typeof finish>
}

interface Begun {
  readonly issuer: string
  readonly namedBy: URL
  readonly issNeeded: boolean
  readonly tokenEndpoint: string
  readonly client: RegisteredClient
  readonly resource: string
  readonly scopes: ReadonlyArray<string>
  readonly redirectUri: string
  readonly state: string
  readonly verifier: string
}

/** `client`: registered beforehand, or the URL of a client id metadata document. */
export const begin = Effect.fn("Authorization.begin")(function*(options: {
  readonly relay: URL
  readonly redirectUri: string
  readonly client: { readonly id: string; readonly secret?: string | undefined } | undefined
  /** The only authorization server that the login may be at; one that the relay names, without. */
  readonly issuer?: string | undefined
  /** Asked for besides what the relay asks for. */
  readonly scope?: string | undefined
  readonly before?: Login | undefined
}) {
  const { before, redirectUri, relay } = options
  const { challenged, issuers, resource, scope: asked } = yield* AuthorizationServer.protectedResource(relay)
  const wanted = options.issuer
  if (wanted !== undefined && !issuers.some((issuer) => sameIssuer(issuer, wanted))) {
    return yield* refuse("wrong issuer", `the relay asks for a login at ${issuers.join(", ")}, not at ${wanted}`)
  }
  const namedBy = wanted === undefined ? relay : yield* TokenHttp.safeUrl(wanted)
  const server = yield* AuthorizationServer.serverMetadata(wanted ?? issuers[0] ?? relay.origin, namedBy)
  const endpoint = server.authorization_endpoint
  if (endpoint === undefined) {
    return yield* refuse("no authorization", `${server.issuer} knows no authorization endpoint`)
  }
  if (server.code_challenge_methods_supported?.includes("S256") !== true && server.assumed !== true) {
    return yield* refuse("no PKCE", `${server.issuer} does not say that it takes PKCE with S256`)
  }
  const offline = server.scopes_supported?.includes("offline_access") === true ? ["offline_access"] : []
  const allowed = before?.issuer === server.issuer ? before.scopes ?? [] : []
  const scopes = [...new Set([...wordsOf(asked), ...allowed, ...wordsOf(options.scope), ...offline])]
  const scope = scopes.join(" ")
  const registered = options.client === undefined && server.registration_endpoint !== undefined
    ? yield* ClientRegistration.register(server.registration_endpoint, server, redirectUri, scope || undefined, namedBy)
      .pipe(
        Effect.mapError((error) => server.assumed === true ? noLogin(relay, challenged) : error)
      )
    : undefined
  const client: RegisteredClient | undefined = options.client === undefined ? registered : {
    ...options.client,
    methods: options.client.secret === undefined ? ["none"] : server.token_endpoint_auth_methods_supported
  }
  if (client === undefined) {
    return yield* refuse("no client", `${server.issuer} registers no clients: name one with --client-id`)
  }
  const begun: Begun = {
    issuer: server.issuer,
    namedBy,
    issNeeded: server.authorization_response_iss_parameter_supported === true,
    tokenEndpoint: server.token_endpoint,
    client,
    resource,
    scopes,
    redirectUri,
    state: random(),
    verifier: random()
  }
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
  if (query.get("state") !== begun.state) {
    return yield* refuse("wrong state", "the browser came back from another login")
  }
  const iss = query.get("iss")
  if (iss === null ? begun.issNeeded : iss !== begun.issuer) {
    return yield* refuse("wrong issuer", `the answer comes from ${iss ?? "nobody"}, not from ${begun.issuer}`)
  }
  const error = query.get("error")
  if (error !== null) return yield* refuse(error, query.get("error_description") ?? "the login was refused")
  const code = query.get("code")
  if (code === null) return yield* refuse("no code", "the browser came back without a code")
  const { client } = begun
  const text = yield* TokenEndpoint.request(
    begun.tokenEndpoint,
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
      resource: begun.resource
    },
    begun
  )
  const login: Login = yield* TokenAnswer.loginOf(text, {
    issuer: begun.issuer,
    tokenEndpoint: begun.tokenEndpoint,
    namedBy: begun.namedBy.href,
    ...(client.methods === undefined ? {} : { methods: client.methods }),
    clientId: client.id,
    ...(client.secret === undefined ? {} : { clientSecret: client.secret }),
    resource: begun.resource,
    // What the server leaves out is as it was asked (RFC 6749, section 5.1).
    ...(begun.scopes.length === 0 ? {} : { scopes: begun.scopes }),
    id: random(),
    refreshToken: null
  })
  return login
})

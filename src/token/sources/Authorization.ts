/**
 * The authorization-code flow for a person at a browser: MCP's authorization section, OAuth 2.1, RFC 7636 (PKCE),
 * RFC 7591 (registration), RFC 8252 (loopback redirect), RFC 8707 (resource), RFC 9207 (`iss`).
 */
import { Effect, Option, Redacted, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import { createHash, randomBytes } from "node:crypto"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import * as HttpAsk from "./HttpAsk.ts"
import type { Login } from "./LoginFile.ts"
import { failureOf } from "./SourceProblem.ts"
import * as TokenAnswer from "./TokenAnswer.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

const random = () => randomBytes(32).toString("base64url")
const refuse = (code: string, hint: string) => new TokenSourceFailed({ code, hint, retryable: false })

const Registered = Schema.fromJsonString(Schema.Struct({
  client_id: Schema.NonEmptyString,
  client_secret: Schema.optionalKey(Schema.String),
  token_endpoint_auth_method: Schema.optionalKey(Schema.String)
}))

interface Client {
  readonly id: string
  readonly secret?: string | undefined
  readonly methods?: ReadonlyArray<string> | undefined
}

const register = Effect.fnUntraced(function*(endpoint: string, redirectUri: string, scope: string | undefined) {
  const url = yield* HttpAsk.safeUrl(endpoint)
  const answer = yield* HttpAsk.send(
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.bodyText(
        JSON.stringify({
          client_name: "Holdfast",
          redirect_uris: [redirectUri],
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          token_endpoint_auth_method: "none",
          scope
        }),
        "application/json"
      )
    )
  )
  if (answer.status !== 200 && answer.status !== 201) return yield* failureOf(answer, [])
  const decoded = Schema.decodeOption(Registered)(answer.text)
  if (Option.isNone(decoded)) return yield* refuse("no client", "the authorization server registered no client")
  const { client_id, client_secret, token_endpoint_auth_method: method } = decoded.value
  return { id: client_id, secret: client_secret, methods: method === undefined ? undefined : [method] } satisfies Client
})

export interface Authorization {
  /** For the person's browser. */
  readonly url: string
  /** Takes what the browser was sent back with, and gives what is to be kept. */
  readonly complete: (query: URLSearchParams) => ReturnType<typeof finish>
}

interface Begun {
  readonly issuer: string
  readonly issNeeded: boolean
  readonly tokenEndpoint: string
  readonly client: Client
  readonly resource: string
  readonly redirectUri: string
  readonly state: string
  readonly verifier: string
}

/** `clientId`: registered beforehand, or the URL of a client id metadata document. */
export const begin = Effect.fn("Authorization.begin")(function*(options: {
  readonly relay: URL
  readonly redirectUri: string
  readonly clientId: string | undefined
}) {
  const { clientId, redirectUri, relay } = options
  const { issuers, resource, scope: asked } = yield* AuthorizationServer.protectedResource(relay)
  const server = yield* AuthorizationServer.serverMetadata(issuers[0] ?? relay.origin)
  const endpoint = server.authorization_endpoint
  if (endpoint === undefined) {
    return yield* refuse("no authorization", `${server.issuer} knows no authorization endpoint`)
  }
  if (server.code_challenge_methods_supported?.includes("S256") !== true && server.assumed !== true) {
    return yield* refuse("no PKCE", `${server.issuer} does not say that it takes PKCE with S256`)
  }
  const offline = server.scopes_supported?.includes("offline_access") === true ? "offline_access" : undefined
  const scope = [...new Set([...(asked?.split(" ") ?? []), ...(offline === undefined ? [] : [offline])])].join(" ")
  const registered = clientId === undefined && server.registration_endpoint !== undefined
    ? yield* register(server.registration_endpoint, redirectUri, scope || undefined)
    : undefined
  const client: Client | undefined = registered ??
    (clientId === undefined ? undefined : { id: clientId, methods: ["none"] })
  if (client === undefined) {
    return yield* refuse("no client", `${server.issuer} registers no clients: name one with --client-id`)
  }
  const begun: Begun = {
    issuer: server.issuer,
    issNeeded: server.authorization_response_iss_parameter_supported === true,
    tokenEndpoint: server.token_endpoint,
    client,
    resource,
    redirectUri,
    state: random(),
    verifier: random()
  }
  const url = yield* HttpAsk.safeUrl(endpoint)
  const query: Readonly<Record<string, string>> = {
    response_type: "code",
    client_id: client.id,
    redirect_uri: redirectUri,
    state: begun.state,
    code_challenge: createHash("sha256").update(begun.verifier).digest("base64url"),
    code_challenge_method: "S256",
    resource,
    ...(scope === "" ? {} : { scope })
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
    }
  )
  const login: Login = yield* TokenAnswer.loginOf(text, {
    issuer: begun.issuer,
    tokenEndpoint: begun.tokenEndpoint,
    ...(client.methods === undefined ? {} : { methods: client.methods }),
    clientId: client.id,
    ...(client.secret === undefined ? {} : { clientSecret: client.secret }),
    resource: begun.resource,
    id: random(),
    refreshToken: null
  })
  return login
})

/**
 * The client as which a person logs in (MCP 2026-07-28, client registration): one that the user names; else a client id
 * metadata document, where the user has one and the server takes it; else the one that the server registered before
 * (RFC 7591), and at last one that it registers now.
 */
import { Clock, Effect, Option, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import type { ServerMetadata } from "./AuthorizationServer.ts"
import type { KnownClient } from "./KnownClients.ts"
import { type LoginPlace, noLogin, refuse } from "./LoginPlace.ts"
import { failureOf } from "./SourceProblem.ts"
import * as TokenHttp from "./TokenHttp.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

const Registered = Schema.fromJsonString(Schema.Struct({
  client_id: Schema.NonEmptyString,
  client_secret: Schema.optionalKey(Schema.String),
  client_secret_expires_at: Schema.optionalKey(Schema.Number),
  token_endpoint_auth_method: Schema.optionalKey(Schema.String)
}))

export interface RegisteredClient {
  readonly id: string
  readonly secret?: string | undefined
  readonly methods?: ReadonlyArray<string> | undefined
}

export interface ClientOptions {
  /** Registered beforehand, or the URL of a client id metadata document. */
  readonly client?: { readonly id: string; readonly secret?: string | undefined } | undefined
  /** The URL of a client id metadata document, for servers that take those. */
  readonly metadata?: string | undefined
  /** Of an earlier login there. */
  readonly known?: KnownClient | undefined
}

export const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

/** As a public client where the server takes those; else with a secret, in the way that it takes. */
const methodFor = ({ token_endpoint_auth_methods_supported: taken = ["none"] }: ServerMetadata) =>
  ["none", "client_secret_basic", "client_secret_post"].find((method) => taken.includes(method)) ?? "none"

/** Registers one whose browser comes back to `redirectUri`, or one for device authorization. */
const register = Effect.fnUntraced(function*(endpoint: string, place: LoginPlace, redirectUri: string | null) {
  const { namedBy, scopes, server } = place
  const url = yield* TokenHttp.safeUrl(endpoint)
  const ask = (scope: string | undefined) =>
    TokenHttp.send(
      HttpClientRequest.post(url).pipe(
        HttpClientRequest.bodyText(
          JSON.stringify({
            client_name: "Holdfast",
            // Of a program on a person's machine, whose redirect is to loopback (OpenID Connect Registration, section 2).
            application_type: "native",
            redirect_uris: redirectUri === null ? [] : [redirectUri],
            grant_types: [redirectUri === null ? deviceGrant : "authorization_code", "refresh_token"],
            response_types: redirectUri === null ? [] : ["code"],
            token_endpoint_auth_method: methodFor(server),
            scope
          }),
          "application/json"
        )
      ),
      { namedBy }
    )
  let asked = scopes.length === 0 ? null : scopes
  let answer = yield* ask(asked?.join(" "))
  if (answer.status === 400 && asked !== null) {
    // A server may know the scopes of a resource only with a request for it; a client without any takes those.
    asked = null
    answer = yield* ask(undefined)
  }
  if (answer.status !== 200 && answer.status !== 201) return yield* failureOf(answer, [])
  const decoded = Schema.decodeOption(Registered)(answer.text)
  if (Option.isNone(decoded)) {
    return yield* new TokenSourceFailed({
      code: "no client",
      hint: "the authorization server registered no client",
      retryable: false
    })
  }
  const { client_id, client_secret, client_secret_expires_at = 0, token_endpoint_auth_method } = decoded.value
  const methods = token_endpoint_auth_method === undefined
    ? server.token_endpoint_auth_methods_supported
    : [token_endpoint_auth_method]
  return {
    issuer: server.issuer,
    redirectUri,
    scopes: asked,
    id: client_id,
    ...(client_secret === undefined ? {} : { secret: client_secret }),
    ...(methods === undefined ? {} : { methods }),
    secretExpiresAt: client_secret === undefined || client_secret_expires_at === 0
      ? null
      : ForeignTime.millis(client_secret_expires_at * 1000)
  } satisfies KnownClient
})

/** Whether the server's registration holds for this login. */
const holds = (
  { redirectUri, scopes, secretExpiresAt }: KnownClient,
  place: LoginPlace,
  at: string | null,
  now: number
) =>
  redirectUri === at && (secretExpiresAt ?? Infinity) > now
  && (scopes === null || place.scopes.every((scope) => scopes.includes(scope)))

/** `registered`: to be kept for the next login; `reused`: it was, and the server may have forgotten it. */
export const choose = Effect.fnUntraced(function*(
  place: LoginPlace,
  redirectUri: string | null,
  { client, known, metadata }: ClientOptions
) {
  const { server } = place
  if (client !== undefined) {
    const methods = client.secret === undefined ? ["none"] : server.token_endpoint_auth_methods_supported
    return { client: { ...client, methods } satisfies RegisteredClient, reused: false }
  }
  if (metadata !== undefined && server.client_id_metadata_document_supported === true) {
    return { client: { id: metadata, methods: ["none"] } satisfies RegisteredClient, reused: false }
  }
  if (known !== undefined && holds(known, place, redirectUri, yield* Clock.currentTimeMillis)) {
    return { client: known satisfies RegisteredClient, reused: true }
  }
  const endpoint = server.registration_endpoint
  if (endpoint === undefined) {
    return yield* refuse("no client", `${server.issuer} registers no clients: name one with --client-id`)
  }
  const registered = yield* register(endpoint, place, redirectUri).pipe(
    Effect.mapError((error) => server.assumed === true ? noLogin(place) : error)
  )
  return { client: registered satisfies RegisteredClient, registered, reused: false }
})

/** A client that an authorization server registers on the spot (RFC 7591), for a person's login. */
import { Effect, Option, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import type { ServerMetadata } from "./AuthorizationServer.ts"
import { failureOf } from "./SourceProblem.ts"
import * as TokenHttp from "./TokenHttp.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

const Registered = Schema.fromJsonString(Schema.Struct({
  client_id: Schema.NonEmptyString,
  client_secret: Schema.optionalKey(Schema.String),
  token_endpoint_auth_method: Schema.optionalKey(Schema.String)
}))

export interface RegisteredClient {
  readonly id: string
  readonly secret?: string | undefined
  readonly methods?: ReadonlyArray<string> | undefined
}

/** As a public client where the server takes those; else with a secret, in the way that it takes. */
const methodFor = ({ token_endpoint_auth_methods_supported: taken = ["none"] }: ServerMetadata) =>
  ["none", "client_secret_basic", "client_secret_post"].find((method) => taken.includes(method)) ?? "none"

/** Registers one whose browser comes back to `redirectUri`. */
export const register = Effect.fnUntraced(function*(
  endpoint: string,
  server: ServerMetadata,
  redirectUri: string,
  scope: string | undefined,
  namedBy: URL
) {
  const url = yield* TokenHttp.safeUrl(endpoint)
  const ask = (scope: string | undefined) =>
    TokenHttp.send(
      HttpClientRequest.post(url).pipe(
        HttpClientRequest.bodyText(
          JSON.stringify({
            client_name: "Holdfast",
            // Of a program on a person's machine, whose redirect is to loopback (OpenID Connect Registration, section 2).
            application_type: "native",
            redirect_uris: [redirectUri],
            grant_types: ["authorization_code", "refresh_token"],
            response_types: ["code"],
            token_endpoint_auth_method: methodFor(server),
            scope
          }),
          "application/json"
        )
      ),
      { namedBy }
    )
  let answer = yield* ask(scope)
  // A server may know the scopes of a resource only with a request for it; a client without any takes those.
  if (answer.status === 400 && scope !== undefined) answer = yield* ask(undefined)
  if (answer.status !== 200 && answer.status !== 201) return yield* failureOf(answer, [])
  const decoded = Schema.decodeOption(Registered)(answer.text)
  if (Option.isNone(decoded)) {
    return yield* new TokenSourceFailed({
      code: "no client",
      hint: "the authorization server registered no client",
      retryable: false
    })
  }
  const { client_id, client_secret, token_endpoint_auth_method: method } = decoded.value
  return {
    id: client_id,
    secret: client_secret,
    methods: method === undefined ? server.token_endpoint_auth_methods_supported : [method]
  } satisfies RegisteredClient
})

/** The token endpoint's answer to a login, as what is kept of it. */
import { Effect, Option, Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import type { RegisteredClient } from "./ClientRegistration.ts"
import type { Login } from "./LoginFile.ts"
import type { LoginPlace } from "./LoginPlace.ts"
import * as LoginSubject from "./LoginSubject.ts"
import { ProofKey } from "./ProofKey.ts"
import * as TokenAnswer from "./TokenAnswer.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"

export const random = (): string => randomBytes(32).toString("base64url")

/** For one login; none where the relay does not ask for bound tokens. */
export const keyFor = ({ bound }: LoginPlace): ProofKey | undefined => bound ? ProofKey.generate() : undefined

const TokenType = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({ token_type: Schema.String })))

/** A server that does not bind tokens says so by their type (RFC 9449, section 5). */
const isBound = (answer: string): boolean =>
  Option.exists(TokenType(answer), ({ token_type }) => token_type.toLowerCase() === "dpop")

const kept = Effect.fnUntraced(function*(
  answer: string,
  { namedBy, resource, scopes, server }: LoginPlace,
  client: RegisteredClient,
  key: ProofKey | undefined
) {
  const login: Login = yield* TokenAnswer.loginOf(answer, {
    issuer: server.issuer,
    tokenEndpoint: server.token_endpoint,
    namedBy: namedBy.href,
    ...(client.methods === undefined ? {} : { methods: client.methods }),
    clientId: client.id,
    ...(client.secret === undefined ? {} : { clientSecret: client.secret }),
    resource,
    // What the server leaves out is as it was asked (RFC 6749, section 5.1).
    ...(scopes.length === 0 ? {} : { scopes }),
    id: random(),
    ...(key === undefined ? {} : { key: key.jwk }),
    refreshToken: null
  })
  const subject = yield* LoginSubject.find({
    answer,
    accessToken: login.accessToken,
    clientId: client.id,
    server,
    namedBy,
    key
  })
  return { ...login, ...Option.getOrElse(subject, () => ({})) } satisfies Login
})

export const asOAuth = (
  { id, methods, secret }: RegisteredClient,
  key?: ProofKey
): TokenEndpoint.OAuthClient => ({
  id,
  secret: secret === undefined ? undefined : Redacted.make(secret),
  methods,
  key
})

/** Takes the grant that `form` presents for tokens, and gives what is to be kept. */
export const request = Effect.fnUntraced(function*(
  place: LoginPlace,
  client: RegisteredClient,
  key: ProofKey | undefined,
  form: Readonly<Record<string, string>>
) {
  const answer = yield* TokenEndpoint.request(
    place.server.token_endpoint,
    asOAuth(client, key),
    { ...form, resource: place.resource },
    place
  )
  return yield* kept(answer, place, client, isBound(answer) ? key : undefined)
})

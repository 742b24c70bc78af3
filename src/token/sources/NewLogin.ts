/** The token endpoint's answer to a login, as what is kept of it. */
import { Effect, Option } from "effect"
import { randomBytes } from "node:crypto"
import type { RegisteredClient } from "./ClientRegistration.ts"
import type { Login } from "./LoginFile.ts"
import type { LoginPlace } from "./LoginPlace.ts"
import * as LoginSubject from "./LoginSubject.ts"
import * as TokenAnswer from "./TokenAnswer.ts"

export const random = (): string => randomBytes(32).toString("base64url")

export const of = Effect.fnUntraced(function*(
  answer: string,
  { namedBy, resource, scopes, server }: LoginPlace,
  client: RegisteredClient
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
    refreshToken: null
  })
  const subject = yield* LoginSubject.find({ answer, accessToken: login.accessToken, server, namedBy })
  return { ...login, ...Option.getOrElse(subject, () => ({})) } satisfies Login
})

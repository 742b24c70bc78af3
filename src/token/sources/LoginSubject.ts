/**
 * Who logged in, as the authorization server says: in the id token (OpenID Connect Core 1.0, section 2), in the access
 * token where that is a JWT (RFC 9068), else at the userinfo endpoint (OpenID Connect Core 1.0, section 5.3).
 *
 * They come from the server itself over TLS (section 3.1.3.7), and only tell one person at one issuer from another.
 */
import { Clock, Effect, Option, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import type { ServerMetadata } from "./AuthorizationServer.ts"
import * as Jwt from "./Jwt.ts"
import type { ProofKey } from "./ProofKey.ts"
import { shown } from "./SourceProblem.ts"
import * as TokenHttp from "./TokenHttp.ts"

export interface LoginSubject {
  readonly subject: string
  /** For people to read. */
  readonly name: string
}

interface Answered {
  /** The token endpoint's, as text. */
  readonly answer: string
  readonly accessToken: string
  readonly clientId: string
  /** The key that the token is bound to. */
  readonly key?: ProofKey | undefined
  readonly server: ServerMetadata
  readonly namedBy: URL
}

const OptionalText = Schema.optionalKey(Schema.NullOr(Schema.String))

const Claims = Schema.Struct({
  sub: Schema.NonEmptyString,
  iss: OptionalText,
  aud: Schema.optionalKey(Schema.Unknown),
  preferred_username: OptionalText,
  email: OptionalText,
  name: OptionalText
})

const decode = Schema.decodeOption(Schema.fromJsonString(Claims))
const IdToken = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({ id_token: Schema.String })))

const subjectOf = ({ email, name, preferred_username, sub }: typeof Claims.Type): LoginSubject => ({
  subject: sub,
  name: shown(preferred_username ?? email ?? name ?? sub, []).slice(0, 100)
})

/**
 * Of a token that names its issuer: another issuer's words about a person are no proof of who that is. A token whose
 * subject is the client stands for the program, and would make all persons one.
 */
const ofJwt = (token: string, { clientId, server: { issuer } }: Answered): Option.Option<typeof Claims.Type> =>
  Jwt.payloadOf(token).pipe(
    Option.flatMap(decode),
    Option.filter(({ iss, sub }) => iss?.replace(/\/$/, "") === issuer.replace(/\/$/, "") && sub !== clientId)
  )

/** An id token is for its client alone (OpenID Connect Core 1.0, section 3.1.3.7). */
const isFor = ({ aud }: typeof Claims.Type, clientId: string): boolean =>
  aud === clientId || (Array.isArray(aud) && aud.includes(clientId))

/** What the userinfo endpoint answers; nothing where there is none, or it refuses. */
const ofUserinfo = Effect.fnUntraced(function*(endpoint: string, { accessToken, key, namedBy }: Answered) {
  const url = yield* TokenHttp.safeUrl(endpoint)
  const proof = key?.proof("GET", url, yield* Clock.currentTimeMillis, accessToken)
  const { status, text } = yield* TokenHttp.send(
    HttpClientRequest.get(url).pipe(
      HttpClientRequest.setHeaders({
        accept: "application/json",
        authorization: `${proof === undefined ? "Bearer" : "DPoP"} ${accessToken}`,
        ...(proof === undefined ? {} : { dpop: proof })
      })
    ),
    { namedBy }
  )
  return status === 200 ? Option.map(decode(text), subjectOf) : Option.none()
}, Effect.orElseSucceed(() => Option.none<LoginSubject>()))

/** `None` where the server does not say who logged in. */
export const find = Effect.fnUntraced(function*(answered: Answered) {
  const { accessToken, answer, clientId, server: { userinfo_endpoint } } = answered
  const idToken = Option.flatMap(IdToken(answer), ({ id_token }) => ofJwt(id_token, answered))
  const said = Option.map(
    Option.orElse(Option.filter(idToken, (claims) => isFor(claims, clientId)), () => ofJwt(accessToken, answered)),
    subjectOf
  )
  return Option.isSome(said) || userinfo_endpoint === undefined ? said : yield* ofUserinfo(userinfo_endpoint, answered)
})

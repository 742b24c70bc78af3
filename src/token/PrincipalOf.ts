/**
 * Whom a token stands for, so that what was cached or queued for one principal never serves another.
 *
 * A rotation within one source keeps the principal, unless the token says that it stands for somebody else.
 */
import { Option, Redacted, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { createHash } from "node:crypto"
import { PrincipalId } from "../domain/Ids.ts"
import type { IssuedToken } from "./sources/TokenSource.ts"

const OneOrMore = Schema.Union([Schema.String, Schema.Array(Schema.String)])

const Claims = Schema.Struct({
  sub: Schema.optionalKey(Schema.String),
  aud: Schema.optionalKey(OneOrMore),
  scope: Schema.optionalKey(OneOrMore),
  scp: Schema.optionalKey(OneOrMore)
})

const decodeHeader = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({ alg: Schema.String })))
const decodeClaims = Schema.decodeOption(Schema.fromJsonString(Claims))

/** Its order says nothing. */
const sorted = (value: typeof OneOrMore.Type | undefined): ReadonlyArray<string> =>
  (typeof value === "string" ? value.split(" ") : [...value ?? []]).sort()

/** What a JWT says of its bearer; NOT verified, which is the relay's part: it tells tokens apart and allows nothing. */
const claimsOf = (token: string): Option.Option<ReadonlyArray<unknown>> => {
  const [header, payload, signature, ...rest] = token.split(".")
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return Option.none()
  return Option.gen(function*() {
    yield* decodeHeader(yield* Option.getSuccess(Base64Url.decodeString(header)))
    const claims = yield* decodeClaims(yield* Option.getSuccess(Base64Url.decodeString(payload)))
    return [claims.sub ?? "", sorted(claims.aud), sorted(claims.scope ?? claims.scp)]
  })
}

const digest = (parts: ReadonlyArray<unknown>): PrincipalId =>
  PrincipalId.make(createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32))

/**
 * Source and what was declared of the subject; else source and what the token says of itself; else the source alone.
 * Declared scopes come on top: other rights are other tools.
 */
export const principalOf = (issued: IssuedToken): PrincipalId => {
  const scopes = issued.scopes === undefined ? [] : [{ scopes: [...issued.scopes].sort() }]
  return Option.match(issued.subject, {
    onSome: (subject) => digest([issued.source, subject, ...scopes]),
    onNone: () => {
      const claims = Option.getOrElse(claimsOf(Redacted.value(issued.value)), (): ReadonlyArray<unknown> => [])
      return digest([issued.source, ...claims, ...scopes])
    }
  })
}

/** The principal where no source is configured. */
export const principalOfNone = digest(["none"])

/**
 * Whoever it is that the source will name first: before its first token nobody knows. What was accepted for them belongs
 * to that one.
 */
export const unknownPrincipal = PrincipalId.make("unknown")

/** JSON Web Tokens (RFC 7515, RFC 7519): read without being verified, and signed with a key of ours. */
import { Option, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { type KeyObject, sign as signBytes } from "node:crypto"

const decodeHeader = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({ alg: Schema.String })))

/** The text of the claims; NOT verified: it tells bearers apart and allows nothing. `None` where it is no JWT. */
export const payloadOf = (token: string): Option.Option<string> => {
  const [header, payload, signature, ...rest] = token.split(".")
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return Option.none()
  return Option.gen(function*() {
    yield* decodeHeader(yield* Option.getSuccess(Base64Url.decodeString(header)))
    return yield* Option.getSuccess(Base64Url.decodeString(payload))
  })
}

/** What a key signs with (RFC 7518, section 3.1; RFC 8037). */
export const algorithmOf = (key: KeyObject): { readonly alg: string; readonly hash: string | null } | undefined => {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { alg: "RS256", hash: "sha256" }
    case "ed25519":
      return { alg: "EdDSA", hash: null }
    case "ec":
      return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? { alg: "ES256", hash: "sha256" } : undefined
    default:
      return undefined
  }
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** `hash` is the one that goes with the header's `alg`. */
export const sign = (header: object, claims: object, key: KeyObject, hash: string | null): string => {
  const text = `${part(header)}.${part(claims)}`
  const signature = signBytes(hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" })
  return `${text}.${signature.toString("base64url")}`
}

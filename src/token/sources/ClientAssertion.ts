/** A client that shows who it is by signing (`private_key_jwt`: RFC 7523, sections 2.2 and 3), so that no secret is sent. */
import { Clock, Effect, Redacted } from "effect"
import { createPrivateKey, type KeyObject, randomUUID, sign } from "node:crypto"
import { TokenSourceFailed } from "./TokenSource.ts"

const lifetimeSeconds = 60

const unusable = (hint: string) => new TokenSourceFailed({ code: "not configured", hint, retryable: false })

/** What a key signs with (RFC 7518, section 3.1; RFC 8037). */
const algorithmOf = (key: KeyObject): { readonly alg: string; readonly hash: string | null } | undefined => {
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

/** The form's members for one request; `pem` is the private key, `audience` the server's issuer. */
export const assertion = Effect.fnUntraced(function*(clientId: string, pem: Redacted.Redacted, audience: string) {
  const key = yield* Effect.try({
    try: () => createPrivateKey(Redacted.value(pem)),
    catch: () => unusable("oauth.privateKey is no private key in PEM")
  })
  const algorithm = algorithmOf(key)
  if (algorithm === undefined) return yield* unusable("oauth.privateKey is neither RSA, P-256 nor Ed25519")
  const { alg, hash } = algorithm
  const iat = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const claims = { iss: clientId, sub: clientId, aud: audience, iat, exp: iat + lifetimeSeconds, jti: randomUUID() }
  const text = `${part({ alg, typ: "JWT" })}.${part(claims)}`
  const signature = sign(hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")
  return {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: `${text}.${signature}`
  }
})

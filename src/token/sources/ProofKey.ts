/**
 * A key that tokens are bound to (DPoP, RFC 9449): each request with such a token carries a proof that it comes from who
 * has the key. ES256, one key for each login, kept with it.
 *
 * Remembers the last nonce of each endpoint: a proof has to carry it where the server asks for one (sections 8 and 9). A
 * relay and its authorization server may stand at one origin, with nonces of their own.
 */
import { Schema } from "effect"
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto"
import * as Jwt from "./Jwt.ts"

/** RFC 7517, and RFC 7518, section 6.2: P-256. */
export const PrivateJwk = Schema.Struct({
  kty: Schema.Literal("EC"),
  crv: Schema.Literal("P-256"),
  x: Schema.String,
  y: Schema.String,
  d: Schema.String
})
export type PrivateJwk = typeof PrivateJwk.Type

/** What servers call the way that keys of ours sign. */
export const algorithm = "ES256"

/** Without query and fragment (section 4.2). */
const placeOf = (url: URL): string => `${url.origin}${url.pathname}`

const sha256 = (text: string): string => createHash("sha256").update(text).digest("base64url")

export class ProofKey {
  readonly jwk: PrivateJwk
  readonly #key: KeyObject
  readonly #nonces = new Map<string, string>()

  constructor(jwk: PrivateJwk) {
    this.jwk = jwk
    this.#key = createPrivateKey({ key: { ...jwk }, format: "jwk" })
  }

  static generate(): ProofKey {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    return new ProofKey(Schema.decodeUnknownSync(PrivateJwk)(privateKey.export({ format: "jwk" })))
  }

  /** RFC 7638. */
  get thumbprint(): string {
    const { crv, kty, x, y } = this.jwk
    return sha256(JSON.stringify({ crv, kty, x, y }))
  }

  /** A proof for one request; `now` in milliseconds, `token` where the request carries one. */
  proof(method: string, url: URL, now: number, token?: string): string {
    const { crv, kty, x, y } = this.jwk
    const htu = placeOf(url)
    const nonce = this.#nonces.get(htu)
    return Jwt.sign(
      { typ: "dpop+jwt", alg: algorithm, jwk: { kty, crv, x, y } },
      {
        jti: randomUUID(),
        htm: method,
        htu,
        iat: Math.floor(now / 1000),
        ...(token === undefined ? {} : { ath: sha256(token) }),
        ...(nonce === undefined ? {} : { nonce })
      },
      this.#key,
      "sha256"
    )
  }

  /** The server's `DPoP-Nonce`. Whether it is another one than before, so that a refused request is worth saying again. */
  heard(url: URL, nonce: string | undefined): boolean {
    const place = placeOf(url)
    if (nonce === undefined || nonce === "" || this.#nonces.get(place) === nonce) return false
    this.#nonces.set(place, nonce)
    return true
  }
}

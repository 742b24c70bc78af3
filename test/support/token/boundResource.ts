/** A resource whose tokens are bound to a key: judges each request's proof (RFC 9449, section 4.3) with `jose`. */
import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from "jose"
import { createHash } from "node:crypto"

export interface Proof {
  readonly method: string
  readonly nonce: string | undefined
}

export interface BoundRequests {
  /** Of the proofs that were good, in order. */
  readonly proofs: Array<Proof>
  /** Why others were not. */
  readonly refused: Array<string>
  /** What a proof has to carry; none where it need not. */
  nonce: string | undefined
}

const refusal = (error: string, nonce: string | undefined): Response =>
  Response.json({ error }, {
    status: 401,
    headers: {
      "www-authenticate": `DPoP error="${error}", algs="ES256"`,
      ...(nonce === undefined ? {} : { "dpop-nonce": nonce })
    }
  })

/** `undefined` where the proof is good and made with the key of `thumbprint`; else the answer. */
export const judge = (seen: BoundRequests) => {
  const known = new Set<string>()
  return async (request: Request, token: string, thumbprint: string | undefined): Promise<Response | undefined> => {
    const refuse = (error: string, why: string): Response => {
      seen.refused.push(why)
      return refusal(error, seen.nonce)
    }
    const proof = request.headers.get("dpop") ?? ""
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: "dpop+jwt",
        algorithms: ["ES256"],
        maxTokenAge: 60,
        requiredClaims: ["jti", "htm", "htu", "iat", "ath"]
      })
      const { jwk } = decodeProtectedHeader(proof)
      const url = new URL(request.url)
      const jti = String(payload.jti)
      const wrong = [
        jwk === undefined || "d" in jwk ? "no public key" : undefined,
        jwk !== undefined && await calculateJwkThumbprint(jwk) !== thumbprint ? "another key" : undefined,
        payload["htm"] !== request.method ? "another method" : undefined,
        payload["htu"] !== `${url.origin}${url.pathname}` ? "another address" : undefined,
        payload["ath"] !== createHash("sha256").update(token).digest("base64url") ? "another token" : undefined,
        known.has(jti) ? "used before" : undefined,
        protectedHeader.alg
      ].find((found) => found !== undefined && found !== protectedHeader.alg)
      known.add(jti)
      if (wrong !== undefined) return refuse("invalid_dpop_proof", wrong)
      const nonce = typeof payload["nonce"] === "string" ? payload["nonce"] : undefined
      if (seen.nonce !== undefined && nonce !== seen.nonce) return refuse("use_dpop_nonce", "no nonce, or an old one")
      seen.proofs.push({ method: request.method, nonce })
      return undefined
    } catch (error) {
      return refuse("invalid_dpop_proof", String(error))
    }
  }
}

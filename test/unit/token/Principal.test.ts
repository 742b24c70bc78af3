import { assert, describe, it } from "@effect/vitest"
import { Option, Redacted } from "effect"
import { Base64Url } from "effect/encoding"
import { principalOf } from "../../../src/token/Principal.ts"

const jwt = (claims: object, signature = "c2ln") =>
  `${Base64Url.encode(JSON.stringify({ alg: "RS256" }))}.${Base64Url.encode(JSON.stringify(claims))}.${signature}`

const of = (token: string, source = "file:/run/token", subject: Option.Option<string> = Option.none()) =>
  principalOf({ source, value: Redacted.make(token), expiresAt: Option.none(), subject })

const ada = { sub: "ada", aud: ["relay", "other"], scope: "read write", iat: 1 }

describe("PrincipalOf", () => {
  it("stays the same while an opaque token of one source rotates", () => {
    assert.strictEqual(of("one"), of("two"))
    assert.notStrictEqual(of("one"), of("one", "environment"))
  })

  it("stays the same while a JWT rotates for one subject, audience and scope, in any order", () => {
    const rotated = { ...ada, aud: ["other", "relay"], scope: "write read", iat: 2, jti: "x" }
    assert.strictEqual(of(jwt(ada)), of(jwt(rotated, "b3RoZXI")))
  })

  it("changes with a JWT's subject, audience or scope", () => {
    const others = [{ ...ada, sub: "bob" }, { ...ada, aud: "relay" }, { ...ada, scope: "read" }].map((claims) =>
      jwt(claims)
    )
    assert.strictEqual(new Set([ada].map((claims) => jwt(claims)).concat(others).map((token) => of(token))).size, 4)
  })

  it("takes what the source declared over what the token says", () => {
    const declared = Option.some("workspace 7")
    assert.strictEqual(of(jwt(ada), "url", declared), of("opaque", "url", declared))
  })

  it("takes a token that only looks like a JWT for an opaque one", () => {
    for (const token of ["a.b.c", `${jwt(ada)}.more`, `e30.${Base64Url.encode("[]")}.x`, "e30..", "..", "ünï.cö.de"]) {
      assert.strictEqual(of(token), of("opaque"))
    }
  })

  it("holds nothing of the token", () => {
    assert.match(of("opaque"), /^[0-9a-f]{32}$/)
  })
})

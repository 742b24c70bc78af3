/** Who logged in, as different servers say it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as LoginSubject from "../../../../src/token/sources/LoginSubject.ts"
import { type HttpServer, httpServer } from "../../../support/token/httpServer.ts"
import { withServices } from "../../../support/token/withServices.ts"

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
const jwt = (claims: object) => `${part({ alg: "RS256" })}.${part(claims)}.c2ln`

/** Knows the bearer of one opaque token. */
const userinfo = httpServer(({ headers }) =>
  headers.authorization === "Bearer opaque" ? { body: { sub: "u-3", email: "carol@example.com" } } : { status: 401 }
)

const find = ({ origin }: HttpServer, accessToken: string, idToken?: string) =>
  withServices(LoginSubject.find({
    answer: JSON.stringify({ access_token: accessToken, ...(idToken === undefined ? {} : { id_token: idToken }) }),
    accessToken,
    clientId: "ours",
    server: { issuer: origin, token_endpoint: `${origin}/token`, userinfo_endpoint: `${origin}/me` },
    namedBy: new URL(origin)
  }))

describe("who logged in", () => {
  it.effect("is said by the id token, else by the access token, else by the userinfo endpoint", () =>
    Effect.gen(function*() {
      const server = yield* userinfo
      const iss = server.origin
      const ofIdToken = yield* find(
        server,
        jwt({ iss, sub: "u-2" }),
        jwt({ iss, sub: "u-1", aud: "ours", preferred_username: "ann" })
      )
      assert.deepStrictEqual(ofIdToken, Option.some({ subject: "u-1", name: "ann" }))
      assert.deepStrictEqual(
        yield* find(server, jwt({ iss, sub: "u-2" })),
        Option.some({ subject: "u-2", name: "u-2" })
      )
      assert.isEmpty(server.asked, "nobody is asked what a token says")
      assert.deepStrictEqual(
        yield* find(server, "opaque"),
        Option.some({ subject: "u-3", name: "carol@example.com" })
      )
    }))

  it.effect("is not known where the server says it nowhere, or where the words are another issuer's", () =>
    Effect.gen(function*() {
      const server = yield* userinfo
      assert.deepStrictEqual(yield* find(server, "unknown"), Option.none())
      const foreign = jwt({ iss: "https://evil.test", sub: "u-1" })
      assert.deepStrictEqual(yield* find(server, foreign, foreign), Option.none())
      assert.deepStrictEqual(yield* find(server, jwt({ sub: "u-1" })), Option.none(), "nobody's words")
      const iss = server.origin
      const other = jwt({ iss, sub: "u-1", aud: ["another client"] })
      assert.deepStrictEqual(yield* find(server, "unknown", other), Option.none(), "an id token for somebody else")
      assert.deepStrictEqual(yield* find(server, jwt({ iss, sub: "ours" })), Option.none(), "the program, no person")
    }))
})

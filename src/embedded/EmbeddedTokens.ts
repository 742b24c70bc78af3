/**
 * One token per agent: `<agent>.<HMAC-SHA256(relay secret, agent)>`. Nothing is stored per agent, so a token is good for
 * as long as the secret is: 32 random bytes, minted at the first start into a 0600 file.
 */
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { AgentName } from "../domain/Ids.ts"
import { DataDirectory } from "../storage/DataDirectory.ts"

const file = "relay-secret"

export class EmbeddedTokens extends Context.Service<EmbeddedTokens, {
  readonly tokenFor: (agent: AgentName) => Redacted.Redacted
  /** Whom the token names, if the relay itself made it; compared in constant time. */
  readonly agentOf: (token: string) => Option.Option<AgentName>
}>()("holdfast/embedded/EmbeddedTokens") {
  static readonly layerNoDeps = Layer.effect(
    EmbeddedTokens,
    Effect.gen(function*() {
      const directory = yield* DataDirectory
      const saved = yield* directory.readSecretFile(file)
      const secret = Option.getOrElse(saved, () => randomBytes(32).toString("base64url"))
      if (Option.isNone(saved)) yield* directory.writeAtomically(file, `${secret}\n`)

      const sign = (agent: string) => createHmac("sha256", secret).update(agent).digest()
      return EmbeddedTokens.of({
        tokenFor: (agent) => Redacted.make(`${agent}.${sign(agent).toString("base64url")}`),
        agentOf: (token) => {
          const dot = token.lastIndexOf(".")
          const signature = Buffer.from(token.slice(dot + 1), "base64url")
          const expected = sign(token.slice(0, Math.max(0, dot)))
          return signature.length === expected.length && timingSafeEqual(signature, expected)
            ? Schema.decodeOption(AgentName)(token.slice(0, dot))
            : Option.none()
        }
      })
    })
  )
}

// The agent whose token a request carries; without a good one the request ends in 401.

export class Caller extends Context.Service<Caller, AgentName>()("holdfast/embedded/Caller") {
  static readonly middleware = HttpRouter.middleware<{ provides: Caller }>()(Effect.gen(function*() {
    const tokens = yield* EmbeddedTokens
    return Effect.fnUntraced(function*(handled) {
      const request = yield* HttpServerRequest.HttpServerRequest
      const token = /^Bearer (\S+)$/i.exec(request.headers["authorization"] ?? "")?.[1]
      const agent = token === undefined ? Option.none() : tokens.agentOf(token)
      return yield* Option.match(agent, {
        onNone: () => Effect.succeed(unauthorized),
        onSome: (agent) => Effect.provideService(handled, Caller, agent)
      })
    })
  }))
}

const unauthorized = HttpServerResponse.jsonUnsafe({
  jsonrpc: "2.0",
  id: null,
  error: { code: -32000, message: "Unauthorized: this relay takes the token that it made for an agent, as a bearer" }
}, { status: 401, headers: { "www-authenticate": "Bearer error=\"invalid_token\"" } })

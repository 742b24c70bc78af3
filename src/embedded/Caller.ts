/** The agent whose token a request carries; without a good one the request ends in 401. */
import { Context, Effect, Option } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { AgentName } from "../domain/Ids.ts"
import { EmbeddedTokens } from "./EmbeddedTokens.ts"

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

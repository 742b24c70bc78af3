/** Answers a request below `/api` that no endpoint takes, as the endpoints answer: in JSON, behind the admin secret. */
import { Effect, Redacted, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApi } from "effect/http-api"
import { unauthorized } from "./AdminAccessLive.ts"
import { AdminApi } from "./AdminApi.ts"
import { MethodNotAllowed, NotFound, Unauthorized } from "./AdminErrors.ts"
import { AdminSecret } from "./AdminSecret.ts"

const endpoints: Array<{ readonly method: string; readonly path: RegExp }> = []
HttpApi.reflect(AdminApi, {
  onGroup: () => {},
  onEndpoint: ({ endpoint: { method, path } }) =>
    endpoints.push({ method, path: new RegExp(`^${path.replaceAll(/:\w+/g, "[^/]+")}$`) })
})

const Refused = Schema.Union([Unauthorized, MethodNotAllowed, NotFound])
const encode = Schema.encodeSync(Schema.toCodecJson(Refused))

const refuse = (
  status: number,
  refused: typeof Refused.Type,
  headers: Readonly<Record<string, string>> = {}
) => HttpServerResponse.jsonUnsafe(encode(refused), { status, headers })

export const layerNoDeps = HttpRouter.use(Effect.fn(function*(router) {
  const secret = yield* AdminSecret

  yield* router.add("*", "/api/*", ({ headers, method, url }) =>
    Effect.sync(() => {
      const given = /^Bearer (.+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? ""
      if (!secret.matches(Redacted.make(given))) return refuse(401, unauthorized)
      const [path = ""] = url.split("?", 1)
      const methods = endpoints.filter((endpoint) => endpoint.path.test(path)).map((endpoint) => endpoint.method)
      if (methods.length === 0) {
        return refuse(
          404,
          new NotFound({ message: `the admin API has no ${path}; docs/operations.md lists its paths` })
        )
      }
      const allowed = methods.join(", ")
      return refuse(405, new MethodNotAllowed({ message: `${path} takes ${allowed}, not ${method}` }), {
        allow: allowed
      })
    }))
}))

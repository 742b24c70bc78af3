/** The admin API with all its handlers. A daemon serves agents before it has loaded what can be asked here. */
import { NodeHttpPlatform, NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { Etag, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder } from "effect/http-api"
import * as HostServices from "../storage/HostServices.ts"
import { AdminApi } from "./AdminApi.ts"
import { MethodNotAllowed, NotFound, Unauthorized } from "./AdminErrors.ts"
import { accessLayer, Admission } from "./Admission.ts"
import * as AgentsHandlers from "./AgentsHandlers.ts"
import * as BrowserHandlers from "./BrowserHandlers.ts"
import * as ContextHandlers from "./ContextHandlers.ts"
import * as CredentialHandlers from "./CredentialHandlers.ts"
import * as DaemonHandlers from "./DaemonHandlers.ts"
import * as EventRoutes from "./EventRoutes.ts"
import * as InboxHandlers from "./InboxHandlers.ts"
import * as ObservationHandlers from "./ObservationHandlers.ts"
import * as OutboxHandlers from "./OutboxHandlers.ts"
import * as ResultsHandlers from "./ResultsHandlers.ts"
import * as TokenHandlers from "./TokenHandlers.ts"
import * as ToolsHandlers from "./ToolsHandlers.ts"

// Answers a request below `/api` that no endpoint takes, as the endpoints answer: in JSON, behind the admin secret.

const endpoints: Array<{ readonly method: string; readonly path: RegExp }> = [
  { method: "GET", path: new RegExp(`^${EventRoutes.eventsPath}$`) }
]
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

const unknownRoute = HttpRouter.use(Effect.fn(function*(router) {
  const { admit } = yield* Admission

  yield* router.add("*", "/api/*", (request) =>
    Effect.match(admit(request), {
      onFailure: (unauthorized) => refuse(401, unauthorized),
      onSuccess: () => {
        const [path = ""] = request.url.split("?", 1)
        const methods = endpoints.filter((endpoint) => endpoint.path.test(path)).map((endpoint) => endpoint.method)
        if (methods.length === 0) {
          return refuse(
            404,
            new NotFound({ message: `the admin API has no ${path}; docs/operations.md lists its paths` })
          )
        }
        const allowed = methods.join(", ")
        return refuse(405, new MethodNotAllowed({ message: `${path} takes ${allowed}, not ${request.method}` }), {
          allow: allowed
        })
      }
    }))
}))

/** The handlers, with their needs open; tests drive them without a socket. */
export const groups = Layer.mergeAll(
  DaemonHandlers.statusLayer,
  DaemonHandlers.restartLayer,
  DaemonHandlers.relaysLayer,
  AgentsHandlers.layerNoDeps,
  OutboxHandlers.layerNoDeps,
  ResultsHandlers.layerNoDeps,
  InboxHandlers.layerNoDeps,
  ContextHandlers.layerNoDeps,
  ToolsHandlers.layerNoDeps,
  TokenHandlers.layerNoDeps,
  CredentialHandlers.layerNoDeps,
  DaemonHandlers.logLevelLayer,
  ObservationHandlers.layerNoDeps,
  BrowserHandlers.sessionLayer,
  BrowserHandlers.signInLayer
)

const routes = Layer.merge(
  HttpApiBuilder.layer(AdminApi).pipe(Layer.provide(groups), Layer.provide(accessLayer)),
  Layer.merge(EventRoutes.layer, unknownRoute)
).pipe(Layer.provide(Admission.layerNoDeps))

/** In the scope: its requests end with that. */
export const make = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const app = yield* HttpRouter.toHttpEffect(routes)
  return yield* NodeHttpServer.makeHandler(app, { scope })
}).pipe(Effect.provide([NodeHttpPlatform.layer, Etag.layerWeak, HostServices.layer]))

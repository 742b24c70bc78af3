/**
 * The admin API as a plain Node request handler, for the endpoint's server to delegate `/api` to.
 *
 * Behind the admin secret; Host and Origin are the server's to check, as for every route of its own.
 */
import { NodeHttpPlatform, NodeHttpServer } from "@effect/platform-node"
import { Context, Effect, Layer } from "effect"
import { Etag, HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { IncomingMessage, ServerResponse } from "node:http"
import { ExtraRoutes } from "../mcp/http/ExtraRoutes.ts"
import * as HostServices from "../storage/HostServices.ts"
import * as AdminAccessLive from "./AdminAccessLive.ts"
import { AdminApi } from "./AdminApi.ts"
import { AdminSecret } from "./AdminSecret.ts"
import { AgentRoster } from "./AgentRoster.ts"
import * as AgentsHandlers from "./AgentsHandlers.ts"
import * as ContextHandlers from "./ContextHandlers.ts"
import * as CredentialHandlers from "./CredentialHandlers.ts"
import { Daemon } from "./Daemon.ts"
import * as LogLevelHandlers from "./LogLevelHandlers.ts"
import * as OutboxHandlers from "./OutboxHandlers.ts"
import * as RelaysHandlers from "./RelaysHandlers.ts"
import * as StatusHandlers from "./StatusHandlers.ts"
import * as TokenHandlers from "./TokenHandlers.ts"
import * as ToolsHandlers from "./ToolsHandlers.ts"
import * as UnknownRoute from "./UnknownRoute.ts"

/** The handlers, with their needs open; tests drive them without a socket. */
export const groups = Layer.mergeAll(
  StatusHandlers.layerNoDeps,
  RelaysHandlers.layerNoDeps,
  AgentsHandlers.layerNoDeps,
  OutboxHandlers.layerNoDeps,
  ContextHandlers.layerNoDeps,
  ToolsHandlers.layerNoDeps,
  TokenHandlers.layerNoDeps,
  CredentialHandlers.layerNoDeps,
  LogLevelHandlers.layerNoDeps
).pipe(Layer.provide(AgentRoster.layerNoDeps))

const routes = Layer.merge(
  HttpApiBuilder.layer(AdminApi).pipe(Layer.provide(groups), Layer.provide(AdminAccessLive.layerNoDeps)),
  UnknownRoute.layerNoDeps
)

export class AdminHandler extends Context.Service<AdminHandler, {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
}>()("holdfast/admin/AdminHandler") {
  static readonly layerNoDeps = Layer.effect(
    AdminHandler,
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const app = yield* HttpRouter.toHttpEffect(routes)
      return AdminHandler.of({ handle: yield* NodeHttpServer.makeHandler(app, { scope }) })
    })
  ).pipe(Layer.provide([NodeHttpPlatform.layer, Etag.layerWeak, HostServices.layer]))

  /** The admin room as the daemon serves it: `/api` of the endpoint, behind the data directory's secret. */
  static readonly layer = Layer.effectDiscard(Effect.gen(function*() {
    const { mount } = yield* ExtraRoutes
    const { handle } = yield* AdminHandler
    yield* mount("/api", handle)
  })).pipe(
    Layer.provide(AdminHandler.layerNoDeps),
    Layer.provide(AdminSecret.layerNoDeps),
    Layer.provideMerge(Daemon.layerNoDeps)
  )
}

/**
 * The admin API as a plain Node request handler, for the endpoint's server to delegate `/api` to. What it has to know from
 * the start is here; the API itself is loaded a moment later, or with its first request (`AdminRoutes`).
 *
 * Behind the admin secret; Host and Origin are the server's to check, as for every route of its own.
 */
import { Context, Effect, Layer } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { ExtraRoutes } from "../mcp/http/ExtraRoutes.ts"
import type * as AdminRoutes from "./AdminRoutes.ts"
import { AdminSecret } from "./AdminSecret.ts"
import { AgentRoster } from "./AgentRoster.ts"
import { BrowserSessions } from "./BrowserSessions.ts"
import { Daemon } from "./Daemon.ts"
import { Samples } from "./Samples.ts"

/** Agents that waited for the daemon come first. */
const loadedAfter = "1 second"

export class AdminHandler extends Context.Service<AdminHandler, {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
}>()("holdfast/admin/AdminHandler") {
  static readonly layerNoDeps = Layer.effect(
    AdminHandler,
    Effect.gen(function*() {
      const context = yield* Effect.context<Effect.Services<typeof AdminRoutes.make>>()
      const run = Effect.runPromiseWith(context)
      const log = Effect.runForkWith(context)
      let loaded: Promise<AdminHandler["Service"]["handle"]> | undefined

      const load = () =>
        loaded ??= import("./AdminRoutes.ts").then(({ make }) => run(make)).catch((cause: unknown) => {
          loaded = undefined
          throw cause
        })
      // Not only when it is needed: by then an upgrade may have taken its files away.
      yield* Effect.tryPromise(load).pipe(Effect.delay(loadedAfter), Effect.ignore, Effect.forkScoped)

      return AdminHandler.of({
        handle: (request, response) => {
          load().then(
            (handle) => handle(request, response),
            (cause: unknown) => {
              log(Effect.logError("the admin API cannot be loaded", { why: String(cause) }))
              response.writeHead(500, { "content-type": "application/json" })
              response.end(JSON.stringify({ message: "the admin API cannot be loaded; Holdfast's log says why" }))
            }
          )
        }
      })
    })
  ).pipe(Layer.provide([AgentRoster.layerNoDeps, Samples.layerNoDeps]))

  /** The admin room as the daemon serves it: `/api` of the endpoint, behind the data directory's secret. */
  static readonly layer = Layer.effectDiscard(Effect.gen(function*() {
    const { mount } = yield* ExtraRoutes
    const { handle } = yield* AdminHandler
    yield* mount("/api", handle)
  })).pipe(
    Layer.provide(AdminHandler.layerNoDeps),
    Layer.provide([AdminSecret.layerNoDeps, BrowserSessions.layerNoDeps]),
    Layer.provideMerge(Daemon.layerNoDeps)
  )
}

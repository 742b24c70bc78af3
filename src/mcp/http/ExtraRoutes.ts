/**
 * What else is served on the endpoint's port: the admin API and its dashboard.
 *
 * Mounted when it is there, since it needs to know the endpoint, which listens first. Host and Origin are checked before
 * it is called, secrets are its own.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"

export type RouteHandler = (request: IncomingMessage, response: ServerResponse) => void

export class ExtraRoutes extends Context.Service<ExtraRoutes, {
  /** Serves `path` and all below it, `/` only itself, while the scope is open. */
  readonly mount: (path: string, handler: RouteHandler) => Effect.Effect<void, never, Scope.Scope>
  /** The one for a request's path. */
  readonly find: (path: string) => RouteHandler | undefined
}>()("holdfast/mcp/ExtraRoutes") {
  static readonly layer = Layer.sync(ExtraRoutes, () => {
    const mounted = new Map<string, RouteHandler>()
    return ExtraRoutes.of({
      mount: (path, handler) =>
        Effect.acquireRelease(
          Effect.sync(() => mounted.set(path, handler)),
          () => Effect.sync(() => mounted.delete(path))
        ).pipe(Effect.asVoid),
      find: (path) => {
        for (const [prefix, handler] of mounted) {
          if (path === prefix || (prefix !== "/" && path.startsWith(`${prefix}/`))) return handler
        }
        return undefined
      }
    })
  })
}

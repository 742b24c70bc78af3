/** A Node request handler behind a real socket, for as long as the scope is open; the port. */
import { Effect } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"

export const listening = (handle: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer(handle).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)).closeAllConnections())
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return typeof address === "object" && address !== null ? address.port : 0
    })
  )

/** Adds the agent's secret, which the conformance suite cannot send; every other header and byte passes as it is. */
import { Effect } from "effect"
import { createServer, request as httpRequest } from "node:http"
import type { AddressInfo } from "node:net"

/** The front's URL, while the scope is open. */
export const secretFront = (url: string, secret: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const target = new URL(url)
      const server = createServer((incoming, outgoing) => {
        const upstream = httpRequest({
          host: target.hostname,
          port: target.port,
          path: incoming.url,
          method: incoming.method,
          headers: { ...incoming.headers, authorization: `Bearer ${secret}` }
        }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
          outgoing.flushHeaders()
          answer.pipe(outgoing)
        })
        upstream.on("error", () => outgoing.destroy())
        outgoing.on("close", () => upstream.destroy())
        incoming.pipe(upstream)
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => {
          server.close()
          server.closeAllConnections()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/mcp`, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map((front) => front.url))

/** An HTTP proxy that ends each `subscriptions/listen` as soon as it has begun: its client never has such a stream. */
import { Effect, Ref } from "effect"
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"

export const listenEnder = Effect.fnUntraced(function*(port: number) {
  const listens = yield* Ref.make(0)
  const server = createServer((near, response) => {
    if (near.headers["mcp-method"] === "subscriptions/listen") {
      Effect.runSync(Ref.update(listens, (count) => count + 1))
      response.writeHead(200, { "content-type": "text/event-stream" }).end()
      return
    }
    const headers = { ...near.headers, host: `127.0.0.1:${port}` }
    const far = request({ host: "127.0.0.1", port, method: near.method, path: near.url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    far.on("error", () => response.destroy())
    response.on("close", () => far.destroy())
    near.pipe(far)
  })
  const own = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () => Effect.sync(() => server.closeAllConnections()).pipe(Effect.tap(Effect.sync(() => server.close())))
  )
  return { url: `http://127.0.0.1:${own}/mcp`, listens: Ref.get(listens) }
})

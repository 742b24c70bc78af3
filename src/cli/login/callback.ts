/** The page on loopback that the browser comes back to; nothing of what it brings is shown or logged. */
import { Deferred, Effect } from "effect"
import { createServer } from "node:http"

const page = "<!doctype html><title>Holdfast</title><p>You can close this page and go back to the terminal."

export const callback = Effect.gen(function*() {
  const came = yield* Deferred.make<URLSearchParams>()
  const context = yield* Effect.context<never>()
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? "", "http://127.0.0.1")
    if (url?.pathname !== "/callback" || request.method !== "GET") return void response.writeHead(404).end()
    // The code must not go on in a Referer, nor stay in a cache.
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      connection: "close"
    }).end(page)
    Effect.runForkWith(context)(Deferred.succeed(came, url.searchParams))
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeIdleConnections()
      })
  )
  return { redirectUri: `http://127.0.0.1:${port}/callback`, query: Deferred.await(came) }
})

/**
 * The page on loopback that the browser comes back to; nothing of what it brings is shown or logged.
 *
 * Every user of the machine and every page in a browser can ask for it, so what comes without the login's own state, which
 * only the browser was told, is passed over: it must not end the login.
 */
import { Deferred, Effect } from "effect"
import { createServer } from "node:http"

const pageOf = (text: string): string => `<!doctype html><title>Holdfast</title><p>${text}`
const done = pageOf("You can close this page and go back to the terminal.")
const other = pageOf("This is not the answer to the login that waits here. Open the address that the terminal shows.")

/** At `port` where that is free, so that a client that was registered for it can be used again; else at any. */
export const callback = Effect.fnUntraced(function*(port: number, state: string) {
  const came = yield* Deferred.make<URLSearchParams>()
  const context = yield* Effect.context<never>()
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? "", "http://127.0.0.1")
    if (url?.pathname !== "/callback" || request.method !== "GET") return void response.writeHead(404).end()
    const isOurs = url.searchParams.get("state") === state
    // The code must not go on in a Referer, nor stay in a cache.
    response.writeHead(isOurs ? 200 : 400, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      connection: "close"
    }).end(isOurs ? done : other)
    if (isOurs) Effect.runForkWith(context)(Deferred.succeed(came, url.searchParams))
  })
  const taken = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      const listen = (port: number) => server.listen(port, "127.0.0.1")
      server.once("error", () => listen(0)).on("listening", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
      listen(port)
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeIdleConnections()
      })
  )
  return { redirectUri: `http://127.0.0.1:${taken}/callback`, query: Deferred.await(came) }
})

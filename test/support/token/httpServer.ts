/** A real HTTP server on loopback that answers as a test tells it to, and notes what it was asked. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"

export interface Asked {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON, unless it is text. */
  readonly body?: unknown
}

export interface HttpServer {
  readonly origin: string
  readonly asked: Array<Asked>
}

/** `undefined` is silence: the request is never answered. */
export const httpServer = (
  answer: (asked: Asked, origin: string) => Answer | undefined | Promise<Answer | undefined>
): Effect.Effect<HttpServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<HttpServer & { readonly close: () => void }>((resume) => {
      const asked: Array<Asked> = []
      let origin = ""
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
          const one = {
            method: request.method ?? "",
            path: request.url ?? "",
            headers: request.headers,
            body: Buffer.concat(chunks).toString()
          }
          asked.push(one)
          void Promise.resolve(answer(one, origin)).then((given) => {
            if (given === undefined) return
            const { body = "", headers = {}, status = 200 } = given
            const isText = typeof body === "string"
            response.writeHead(status, { "content-type": isText ? "text/plain" : "application/json", ...headers })
            response.end(isText ? body : JSON.stringify(body))
          })
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
        resume(Effect.succeed({
          origin,
          asked,
          close: () => {
            server.close()
            server.closeAllConnections()
          }
        }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

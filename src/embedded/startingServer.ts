/** An HTTP server that says so while it listens and nothing answers yet: Node would leave such a request open for ever. */
import { createServer, type RequestListener } from "node:http"

export const startingServer = () => {
  const server = createServer()
  const notYet: RequestListener = (_, response) => {
    if (server.listenerCount("request") === 1) {
      response.writeHead(503, { "retry-after": "1", connection: "close" }).end()
    }
  }
  return server.on("request", notYet)
}

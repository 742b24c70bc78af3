/** A handler of web requests behind node:http, streaming, as long as the scope is open. */
import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

type Handler = (request: Request) => Promise<Response>

const serve = async (handler: Handler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of incoming) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const gone = new AbortController()
  outgoing.on("close", () => gone.abort())
  const { port } = incoming.socket.address() as AddressInfo
  const headers = new Headers()
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  const response = await handler(
    new Request(`http://127.0.0.1:${port}${incoming.url ?? "/"}`, {
      method: incoming.method ?? "GET",
      headers,
      signal: gone.signal,
      ...(body.length === 0 ? {} : { body })
    })
  )
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  outgoing.flushHeaders()
  if (response.body === null) return void outgoing.end()
  const reader = response.body.getReader()
  outgoing.on("close", () => void reader.cancel().catch(() => {}))
  for (let next = await reader.read(); !next.done; next = await reader.read()) outgoing.write(next.value)
  outgoing.end()
}

/** The URL of `/mcp`. */
export const listening = (handler: Handler) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer((incoming, outgoing) => {
        serve(handler, incoming, outgoing).catch(() => outgoing.destroy())
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
  ).pipe(Effect.map(({ url }) => url))

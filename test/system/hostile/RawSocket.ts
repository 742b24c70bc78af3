/** A connection of bytes to an endpoint, for what no HTTP client would send. */
import { Effect } from "effect"
import { connect } from "node:net"

export const head = (secret: string, more: Readonly<Record<string, string | number>> = {}, verb = "POST"): string =>
  [
    `${verb} /mcp HTTP/1.1`,
    "host: 127.0.0.1",
    `authorization: Bearer ${secret}`,
    "accept: application/json, text/event-stream",
    "content-type: application/json",
    ...Object.entries(more).map(([name, value]) => `${name}: ${value}`),
    "",
    ""
  ].join("\r\n")

/** Open until the scope ends, or the endpoint closes it. */
export const rawSocket = Effect.fnUntraced(function*(port: number) {
  const received = { text: "", open: true }
  const closed = Promise.withResolvers<string>()
  const socket = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof connect>>((resume) => {
      const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.setNoDelay(true)
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  socket.on("error", () => {})
  socket.on("data", (chunk) => received.text += String(chunk))
  socket.on("close", () => {
    received.open = false
    closed.resolve(received.text)
  })
  return {
    received,
    write: (text: string | Uint8Array) => Effect.sync(() => socket.write(text)),
    /** Again and again, every `millis`, until it is closed. */
    drip: (text: string, millis: number) =>
      Effect.sync(() => {
        const dripping = setInterval(() => received.open ? socket.write(text) : clearInterval(dripping), millis)
        socket.on("close", () => clearInterval(dripping))
      }),
    /** As fast as the other side takes it, until it is closed. */
    flood: (text: string) =>
      Effect.sync(() => {
        const more = () => {
          while (received.open && socket.write(text)) { /* until it is full */ }
        }
        socket.on("drain", more)
        more()
      }),
    end: Effect.sync(() => socket.end()),
    /** All that came, once the endpoint has closed the connection. */
    closed: Effect.promise(() => closed.promise),
    bytesSent: Effect.sync(() => socket.bytesWritten)
  }
})

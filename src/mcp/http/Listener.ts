/** The HTTP server under the endpoint: its bounds, and how it binds and ends. */
import { Context, Duration, Effect, Layer, Option, Schema, type Scope } from "effect"
import { closeSync } from "node:fs"
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http"
import type { AddressInfo, ListenOptions } from "node:net"
import type { Duplex } from "node:stream"
import type { Settings } from "../../config/Settings.ts"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import { DataDirectory, type DataDirectoryUnusable } from "../../storage/DataDirectory.ts"
import { PortHolder } from "../../supervision/PortHolder.ts"

const Port = Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 65535 }))

/** The port that was picked for port 0, kept over restarts because agents keep the URL (BEHAVIOUR 1). */
export class RememberedPort extends Context.Service<RememberedPort, {
  /** `None` where none was picked yet, or what is there is no port. */
  readonly get: Effect.Effect<Option.Option<number>, DataDirectoryUnusable>
  readonly set: (port: number) => Effect.Effect<void, DataDirectoryUnusable>
}>()("holdfast/mcp/RememberedPort") {
  /** In the file `port` of the data directory. */
  static readonly layerNoDeps = Layer.effect(
    RememberedPort,
    Effect.gen(function*() {
      const directory = yield* DataDirectory
      return RememberedPort.of({
        get: Effect.map(directory.readSecretFile("port"), Option.flatMap(Schema.decodeOption(Port))),
        set: (port) => directory.writeAtomically("port", `${port}\n`)
      })
    })
  )

  static readonly layerMemory = Layer.sync(RememberedPort, () => {
    let remembered = Option.none<number>()
    return RememberedPort.of({
      get: Effect.sync(() => remembered),
      set: (port) =>
        Effect.sync(() => {
          remembered = Option.some(port)
        })
    })
  })
}

export class PortTaken extends Schema.TaggedError<PortTaken>()("PortTaken", {
  host: Schema.String,
  port: Schema.Int
}) {
  override get message(): string {
    return `port ${this.port} on ${this.host} is taken: stop the program that listens there, `
      + "or choose another port with --port (agents that know the old one must be told)"
  }
}

export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  host: Schema.String,
  port: Schema.Int,
  detail: Schema.String
}) {
  override get message(): string {
    return `cannot listen on ${this.host}, port ${this.port}: ${this.detail}; `
      + "choose another with --port, or correct listen.host"
  }
}

/** For requests to arrive in: a head in 10 s, all of it in 30 s. Answers may last for ever. */
const bounds = {
  headersTimeout: Duration.toMillis("10 seconds"),
  requestTimeout: Duration.toMillis("30 seconds"),
  connectionsCheckingInterval: Duration.toMillis("5 seconds"),
  // Longer than clients keep idle connections, so that it is they who close them.
  keepAliveTimeout: Duration.toMillis("75 seconds"),
  maxHeaderSize: 32 * 1024,
  keepAlive: true,
  noDelay: true,
  // A missing Host is refused like a wrong one, in JSON-RPC.
  requireHostHeader: false
}
/** Twice as many as there can be sessions. */
const maxAgentConnections = 20_000

/** Closes, with whatever is still open on it, when the scope ends. */
export const makeServer = (
  onRequest: RequestListener,
  maxConnections = maxAgentConnections
): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const last = new WeakMap<Duplex, IncomingMessage>()
      const server = createServer(bounds, (request, response) => {
        last.set(request.socket, request)
        onRequest(request, response)
      })
      server.maxConnections = maxConnections
      server.on("clientError", (error, socket) => onClientError(error, socket, last.get(socket)?.complete === true))
      return server
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

const phrases: Readonly<Record<string, readonly [status: string, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "the request did not arrive in time"],
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "the headers are too large"]
}

/**
 * What Node cannot parse gets an answer in JSON-RPC too, unless an answer has begun on that connection, or is owed to a
 * request that arrived whole: it would be taken for that one's, which runs on.
 */
const onClientError = (
  error: Error & { readonly code?: string },
  socket: Duplex & { readonly bytesWritten?: number },
  owed: boolean
) => {
  if (!socket.writable || error.code === "ECONNRESET" || socket.bytesWritten !== 0 || owed) return socket.destroy()
  const [status, message] = phrases[error.code ?? ""] ?? ["400 Bad Request", "this is not HTTP"]
  const body = errorText(null, { code: codes.invalidRequest, message })
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
      + `connection: close\r\n\r\n${body}`,
    () => socket.destroy()
  )
  return undefined
}

interface Address {
  readonly host: string
  readonly port: number
}

/** `at` names a socket that listens already by its descriptor; the address is then for the error's text. */
export const open = (
  server: Server,
  { host, port }: Address,
  at: ListenOptions & { readonly fd?: number }
): Effect.Effect<Address, PortTaken | CannotListen> =>
  Effect.callback((resume) => {
    const onError = (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(
        error.code === "EADDRINUSE"
          ? new PortTaken({ host, port })
          : new CannotListen({ host, port, detail: error.message })
      ))
    server.once("error", onError)
    server.listen(at, () => {
      server.off("error", onError)
      const address = server.address()
      resume(
        isInet(address)
          ? Effect.succeed({ host: address.address, port: address.port })
          : Effect.fail(new CannotListen({ host, port, detail: "the socket given is none of TCP" }))
      )
    })
  })

const isInet = (address: AddressInfo | string | null): address is AddressInfo =>
  address !== null && typeof address !== "string"

/**
 * Where it listens. A socket of systemd's is taken as it is, and one that the daemon before it listened on where the
 * settings still name its address. Else the configured port is bound; for 0 the one picked the last time, or a free one.
 */
export const listen = Effect.fnUntraced(
  function*(server: Server, { host, port: configured }: Settings["Service"]["listen"]) {
    const holder = yield* PortHolder
    const given = Option.getOrUndefined(holder.socket)
    if (given !== undefined && holder.by === "systemd") {
      return yield* open(server, { host, port: configured }, { fd: given.fd })
    }
    const remembered = yield* RememberedPort
    const last = configured === 0 ? yield* remembered.get : Option.some(configured)
    const port = Option.getOrElse(last, () => 0)
    if (given !== undefined && given.host === host && (port === 0 || port === given.port)) {
      yield* open(server, { host, port }, { fd: given.fd })
      return { host, port: given.port ?? port }
    }
    if (given !== undefined) {
      closeSync(given.fd)
      yield* holder.release
    }
    const bound = yield* open(server, { host, port }, { host, port })
    holder.hold(server, { host, port: bound.port })
    if (Option.isNone(last)) yield* remembered.set(bound.port)
    return { host, port: bound.port }
  }
)

/** Where clients reach a server that listens on `host`. */
export const originOf = (host: string, port: number): string => {
  if (host === "0.0.0.0") return `http://127.0.0.1:${port}`
  const reachable = host === "::" ? "::1" : host
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`
}

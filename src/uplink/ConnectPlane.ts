/**
 * A control plane over gRPC and HTTP/2. One connection carries pushes and watches, so that the plane gets pushes in the
 * order in which they were made.
 */
import { Code, ConnectError, createClient } from "@connectrpc/connect"
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node"
import { Duration, Effect, Option, Redacted, Stream } from "effect"
import { readFile } from "node:fs/promises"
import { InboxService, SessionService } from "./AmbientApi.ts"
import { type MakePlane, type Plane, PlaneFailure, type PlaneStatus, type PlaneToken } from "./Plane.ts"

/** A message that is larger ends the watch. */
const maxMessage = 4 * 1024 * 1024

/**
 * As often as a server allows that was told nothing (github.com/grpc/proposal, A8): more often, and it ends the
 * connection. A push that nobody answers finds a dead connection sooner.
 */
const pingIntervalMs = 310_000
const pingTimeoutMs = 10_000

/** A watch that the plane neither refuses nor answers for so long is open: many say nothing before their first message. */
const openAfter = "1 second"

const statuses: Partial<Record<Code, PlaneStatus>> = {
  [Code.Unavailable]: "unavailable",
  [Code.DeadlineExceeded]: "deadline exceeded",
  [Code.ResourceExhausted]: "resource exhausted",
  [Code.Unauthenticated]: "unauthenticated",
  [Code.PermissionDenied]: "permission denied",
  [Code.NotFound]: "not found",
  [Code.InvalidArgument]: "invalid argument",
  [Code.Unimplemented]: "unimplemented"
}

const maxDetail = 200

const failureOf = (cause: unknown): PlaneFailure => {
  const { code, rawMessage } = ConnectError.from(cause)
  // An address may hold what is nobody's business; a message of gRPC is the plane's own words.
  return new PlaneFailure({ status: statuses[code] ?? "other", detail: rawMessage.slice(0, maxDetail) || Code[code] })
}

const headersOf = (token: PlaneToken, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  ...more,
  ...Option.match(token, {
    onNone: () => ({}),
    onSome: (value) => ({ authorization: `Bearer ${Redacted.value(value)}` })
  })
})

export const make: MakePlane = Effect.fnUntraced(function*(settings) {
  const { session: sessionId, timeout, url } = settings
  const timeoutMs = Duration.toMillis(timeout)
  const { ca: file } = settings
  const ca = file === undefined ? undefined : yield* Effect.tryPromise({
    try: () => readFile(file),
    catch: () => new PlaneFailure({ status: "unavailable", detail: `the certificates in ${file} cannot be read` })
  })
  const connection = new Http2SessionManager(
    url,
    { pingIntervalMs, pingTimeoutMs, connectTimeoutMs: timeoutMs },
    ca === undefined ? {} : { ca }
  )
  const transport = createGrpcTransport({ baseUrl: url, sessionManager: connection, readMaxBytes: maxMessage })
  const sessions = createClient(SessionService, transport)
  const inboxes = createClient(InboxService, transport)

  /** A stream of the plane's, which ends with its reader. */
  const watching = <A>(
    open: (options: { readonly signal: AbortSignal; readonly onHeader: () => void }) => AsyncIterable<A>,
    onOpen: () => void
  ): Stream.Stream<A, PlaneFailure> =>
    Stream.unwrap(Effect.gen(function*() {
      const abort = new AbortController()
      yield* Effect.addFinalizer(() => Effect.sync(() => abort.abort()))
      const isConnected = Effect.sync(() => connection.state() === "open")
      yield* Effect.sleep(openAfter).pipe(
        Effect.andThen(isConnected),
        Effect.repeat({ until: (connected) => connected }),
        Effect.andThen(Effect.sync(onOpen)),
        Effect.forkScoped
      )
      return Stream.fromAsyncIterable(open({ signal: abort.signal, onHeader: onOpen }), failureOf)
    }))

  const plane: Plane = {
    push: ({ key, payload, type }, token) =>
      Effect.asVoid(Effect.tryPromise({
        try: (signal) =>
          sessions.pushSessionMessage({ sessionId, eventType: type, payload }, {
            signal,
            timeoutMs,
            headers: headersOf(token, { "idempotency-key": key })
          }),
        catch: failureOf
      })),
    watch: (after, token, onOpen) =>
      watching(
        (options) =>
          sessions.watchSessionMessages({ sessionId, afterSeq: BigInt(after) }, {
            ...options,
            headers: headersOf(token)
          }),
        onOpen
      ).pipe(
        Stream.map(({ eventType, id, payload, seq }) => ({ id, payload, type: eventType, seq: Number(seq) }))
      ),
    watchInbox: (agentId, token, onOpen) =>
      watching(
        (options) => inboxes.watchInboxMessages({ agentId }, { ...options, headers: headersOf(token) }),
        onOpen
      ).pipe(
        Stream.map(({ body, fromAgentId, fromName, id }) => ({ id, body, from: fromName || fromAgentId }))
      ),
    disconnect: Effect.sync(() => connection.abort())
  }
  return plane
})

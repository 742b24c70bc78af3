/** An agent that speaks plain HTTP with a daemon, and sees every header and every byte that comes back. */
import { Effect, Option, type Scope } from "effect"
import { Endpoint } from "../../src/mcp/http/Endpoint.ts"
import type { Daemon as Process } from "./Daemon.ts"
import { type Call, chunks, exchange, send } from "./RawClient.ts"
import { type SseLine, sseLines } from "./sseLines.ts"

/** What an agent has to know of one, be it a process or a layer of the test's own. */
type Daemon = Pick<Process, "url" | "port" | "secret">

export interface RawMessage {
  readonly id?: string | number | null
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Readonly<Record<string, unknown>> & {
    readonly tools?: ReadonlyArray<{ readonly name: string; readonly [key: string]: unknown }>
  }
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> }
}

export interface RawReply {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
  /** The JSON-RPC messages of the body, be it JSON or SSE, in order. */
  readonly messages: ReadonlyArray<RawMessage>
  /** The last message: the answer. */
  readonly answer: RawMessage
}

export interface RawStream {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** The next event or comment as it comes; dies at the end of the stream. */
  readonly next: Effect.Effect<SseLine>
  /** The next event that carries a message. */
  readonly message: Effect.Effect<RawMessage & { readonly eventId: string | undefined }>
  /** Everything until the stream ends. */
  readonly rest: Effect.Effect<ReadonlyArray<SseLine>>
}

export interface RawAgent {
  readonly session: string
  readonly hello: RawReply
  /** Sends and reads the answer whole; `message` is text or gets `jsonrpc` added. */
  readonly post: (message: string | object, options?: Call) => Effect.Effect<RawReply>
  readonly request: (method: string, params?: object, options?: Call) => Effect.Effect<RawReply>
  readonly call: (tool: string, args?: object) => Effect.Effect<RawReply>
  /** Sends, and reads an SSE answer as it comes, for as long as the scope is open. */
  readonly open: (message: string | object, options?: Call) => Effect.Effect<RawStream, never, Scope.Scope>
  /** Sends, and reads nothing of the answer's body, for as long as the scope is open. */
  readonly unread: (message: string | object) => Effect.Effect<void, never, Scope.Scope>
  readonly unreadStream: Effect.Effect<void, never, Scope.Scope>
  readonly get: (lastEventId?: string) => Effect.Effect<RawStream, never, Scope.Scope>
  readonly end: Effect.Effect<RawReply>
}

export interface RawAgentOptions {
  readonly name?: string
  readonly version?: string
  readonly capabilities?: object
  readonly secret?: string
}

let ids = 100

export const nextId = (): number => ++ids

const textOf = (message: string | object): string =>
  typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", ...message })

const messagesOf = (type: string | undefined, text: string): ReadonlyArray<RawMessage> => {
  if (text === "") return []
  if (type?.startsWith("text/event-stream") === true) {
    return sseLines(text).flatMap((line): ReadonlyArray<RawMessage> => line.data ? [JSON.parse(line.data)] : [])
  }
  const parsed: RawMessage | ReadonlyArray<RawMessage> = JSON.parse(text)
  return Array.isArray(parsed) ? parsed : [parsed as RawMessage]
}

/** One exchange with a daemon, whole. */
export const rawExchange = Effect.fnUntraced(function*(daemon: Daemon, call: Call): Effect.fn.Return<RawReply> {
  const { headers, status, text } = yield* exchange(withSecret(daemon.secret, call)).pipe(inFrontOf(daemon))
  let read: ReadonlyArray<RawMessage> | undefined
  return {
    status,
    headers,
    text,
    // Read by who looks at them: V8 takes half a minute for 16 MiB of brackets, in which nobody else here sends or reads.
    get messages() {
      return read ??= messagesOf(headers["content-type"], text)
    },
    get answer() {
      return this.messages.at(-1) ?? {}
    }
  }
})

const inFrontOf = (daemon: Daemon) =>
  Effect.provideService(Endpoint, {
    url: daemon.url,
    origin: "",
    port: daemon.port,
    stopAccepting: Effect.void,
    closeStreams: Effect.void
  })

const withSecret = (secret: string, call: Call): Call => ({
  ...call,
  headers: { authorization: `Bearer ${secret}`, ...call.headers }
})

const streaming = Effect.fnUntraced(function*(daemon: Daemon, call: Call) {
  const response = yield* send(call).pipe(inFrontOf(daemon))
  const incoming = yield* chunks(response)
  let buffered = ""
  let ready: ReadonlyArray<SseLine> = []
  const poll: Effect.Effect<Option.Option<SseLine>> = Effect.suspend(() => {
    const [line, ...others] = ready
    if (line !== undefined) {
      ready = others
      return Effect.succeedSome(line)
    }
    return Effect.flatMap(
      incoming.next,
      Option.match({
        onNone: () => Effect.succeedNone,
        onSome: (chunk) => {
          buffered += chunk
          const end = buffered.lastIndexOf("\n\n")
          if (end >= 0) {
            ready = sseLines(buffered.slice(0, end + 2))
            buffered = buffered.slice(end + 2)
          }
          return poll
        }
      })
    )
  })
  const next = Effect.flatMap(
    poll,
    (line) =>
      Option.isSome(line) ? Effect.succeed(line.value) : Effect.die(new Error(`the stream ended; left: ${buffered}`))
  )
  const message: RawStream["message"] = Effect.flatMap(
    next,
    (line) => line.data ? Effect.succeed({ ...JSON.parse(line.data) as RawMessage, eventId: line.id }) : message
  )
  const rest: RawStream["rest"] = Effect.gen(function*() {
    const lines: Array<SseLine> = []
    while (true) {
      const line = yield* poll
      if (Option.isNone(line)) return lines
      lines.push(line.value)
    }
  })
  return { status: response.statusCode, headers: response.headers, next, message, rest }
})

export const initialize = ({ capabilities = {}, name = "raw", version = "2025-11-25" }: RawAgentOptions = {}) => ({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: version, capabilities, clientInfo: { name, version: "1" } }
})

export const rawAgent = Effect.fnUntraced(function*(daemon: Daemon, options: RawAgentOptions = {}) {
  const secret = options.secret ?? daemon.secret
  const hello = yield* rawExchange(daemon, withSecret(secret, { body: JSON.stringify(initialize(options)) }))
  const session = String(hello.headers["mcp-session-id"] ?? "")
  const inSession = (call: Call): Call =>
    withSecret(secret, { ...call, headers: { "mcp-session-id": session, ...call.headers } })
  const post: RawAgent["post"] = (message, call) => rawExchange(daemon, inSession({ body: textOf(message), ...call }))
  const agent: RawAgent = {
    session,
    hello,
    post,
    request: (method, params = {}, call) => post({ id: nextId(), method, params }, call),
    call: (name, args = {}) => post({ id: nextId(), method: "tools/call", params: { name, arguments: args } }),
    open: (message, call) => streaming(daemon, inSession({ body: textOf(message), ...call })),
    unread: (message) => Effect.asVoid(send(inSession({ body: textOf(message) })).pipe(inFrontOf(daemon))),
    unreadStream: Effect.asVoid(
      send(inSession({ method: "GET", headers: { accept: "text/event-stream" } })).pipe(inFrontOf(daemon))
    ),
    get: (lastEventId) =>
      streaming(
        daemon,
        inSession({
          method: "GET",
          headers: {
            accept: "text/event-stream",
            ...lastEventId === undefined ? {} : { "last-event-id": lastEventId }
          }
        })
      ),
    end: rawExchange(daemon, inSession({ method: "DELETE" }))
  }
  yield* agent.post({ method: "notifications/initialized" })
  return agent
})

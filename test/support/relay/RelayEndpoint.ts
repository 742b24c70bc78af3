/** MCP over HTTP in both eras: sessions for the legacy one, and what the relay says of its own accord. */
import {
  type AuthInfo,
  createMcpHandler,
  type EventStore,
  isLegacyRequest,
  type JSONRPCMessage,
  legacyStatelessFallback,
  type Server,
  WebStandardStreamableHTTPServerTransport
} from "@modelcontextprotocol/server"
import { randomUUID } from "node:crypto"
import { relayServer } from "./RelayServer.ts"
import type { RelayState } from "./RelayState.ts"

interface Session {
  readonly server: Server
  readonly transport: WebStandardStreamableHTTPServerTransport
}

interface Options {
  readonly authInfo?: AuthInfo
}

export class RelayEndpoint {
  readonly sessions = new Map<string, Session>()
  readonly #state: RelayState
  readonly #modern
  readonly #stateless

  constructor(state: RelayState) {
    this.#state = state
    const factory = () => relayServer(state)
    this.#modern = createMcpHandler(factory, {
      legacy: "reject",
      responseMode: state.config.answers === "json" ? "json" : "auto",
      keepAliveMs: 0
    })
    this.#stateless = legacyStatelessFallback(factory)
  }

  async fetch(request: Request, options: Options): Promise<Response> {
    const { era, sessions } = this.#state.config
    if (era === "modern" || (era === "both" && !(await isLegacyRequest(request)))) {
      return this.#modern.fetch(request, options)
    }
    return sessions ? this.#sessionful(request, options) : this.#stateless(request, options)
  }

  /** To every legacy session with an open stream, and to every listener of the modern era that asked for it. */
  announceTools(): void {
    for (const { server } of this.sessions.values()) void server.sendToolListChanged()
    this.#modern.notify.toolsChanged()
  }

  resourceUpdated(uri: string): void {
    for (const { server } of this.sessions.values()) void server.sendResourceUpdated({ uri })
    this.#modern.notify.resourceUpdated(uri)
  }

  notify(method: string, params: Readonly<Record<string, unknown>>): void {
    if (method === "notifications/prompts/list_changed") this.#modern.notify.promptsChanged()
    if (method === "notifications/resources/list_changed") this.#modern.notify.resourcesChanged()
    for (const { transport } of this.sessions.values()) void transport.send({ jsonrpc: "2.0", method, params })
  }

  async dropSessions(): Promise<void> {
    const dropped = [...this.sessions.values()]
    this.sessions.clear()
    await Promise.all(dropped.map(({ server }) => server.close()))
  }

  async #sessionful(request: Request, options: Options): Promise<Response> {
    const id = request.headers.get("mcp-session-id")
    const known = id === null ? undefined : this.sessions.get(id)
    if (known !== undefined) return known.transport.handleRequest(request, options)
    if (id === null && request.method === "POST" && await isInitialize(request)) return this.#open(request, options)
    return lostSession(this.#state.config.lostSessionStatus)
  }

  async #open(request: Request, options: Options): Promise<Response> {
    const { answers, resumable } = this.#state.config
    const server = relayServer(this.#state)
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        this.sessions.set(id, { server, transport })
      },
      onsessionclosed: (id) => {
        this.sessions.delete(id)
      },
      enableJsonResponse: answers === "json",
      keepAliveMs: 0,
      ...(resumable ? { eventStore: memoryEvents() } : {})
    })
    await server.connect(transport)
    return transport.handleRequest(request, options)
  }
}

const isInitialize = async (request: Request): Promise<boolean> => {
  try {
    const message: { readonly method?: unknown } = JSON.parse(await request.clone().text())
    return message.method === "initialize"
  } catch {
    return false
  }
}

const lostSession = (status: 404 | 400 | 401): Response =>
  Response.json({
    jsonrpc: "2.0",
    error: status === 400
      ? { code: -32000, message: "Bad Request: No valid session ID provided" }
      : { code: -32001, message: "Session not found" },
    id: null
  }, { status, headers: status === 401 ? { "www-authenticate": "Bearer error=\"invalid_token\"" } : {} })

const memoryEvents = (): EventStore => {
  const events: Array<{ readonly stream: string; readonly message: JSONRPCMessage }> = []
  return {
    storeEvent: async (stream, message) => `e${events.push({ stream, message }) - 1}`,
    replayEventsAfter: async (last, { send }) => {
      const index = Number(last.slice(1))
      const stream = events[index]?.stream ?? ""
      for (const [at, event] of events.entries()) {
        if (at > index && event.stream === stream) await send(`e${at}`, event.message)
      }
      return stream
    }
  }
}

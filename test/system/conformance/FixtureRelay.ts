/** The conformance fixture as a relay of both eras, in the test's own process. */
import {
  createMcpHandler,
  type EventStore,
  isLegacyRequest,
  type JSONRPCMessage,
  type McpServer,
  WebStandardStreamableHTTPServerTransport
} from "@modelcontextprotocol/server"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { fixtureServer, type FixtureState } from "./FixtureServer.ts"
import { listening } from "./webServer.ts"

interface Session {
  readonly server: McpServer
  readonly transport: WebStandardStreamableHTTPServerTransport
}

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

const failed = (status: number, code: number, message: string) =>
  Response.json({ jsonrpc: "2.0", id: null, error: { code, message } }, { status })

/** Its URL, while the scope is open. */
export const fixtureRelay = Effect.gen(function*() {
  const sessions = new Map<string, Session>()
  const state: FixtureState = {
    tools: 0,
    prompts: 0,
    changed: (what) => {
      if (what === "tools") modern.notify.toolsChanged()
      else modern.notify.promptsChanged()
      for (const { server } of sessions.values()) {
        if (what === "tools") server.sendToolListChanged()
        else server.sendPromptListChanged()
      }
    }
  }
  const modern = createMcpHandler(() => fixtureServer(state), { legacy: "reject" })

  const open = async (request: Request): Promise<Response> => {
    const server = fixtureServer(state)
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: memoryEvents(),
      retryInterval: 500,
      onsessioninitialized: (id) => {
        sessions.set(id, { server, transport })
      },
      onsessionclosed: (id) => {
        sessions.delete(id)
      }
    })
    await server.connect(transport)
    return transport.handleRequest(request)
  }

  return yield* listening(async (request) => {
    const { origin } = Object.fromEntries(request.headers)
    if (!loopback.test(request.headers.get("host") ?? "")) return failed(403, -32000, "Host is not loopback")
    if (origin !== undefined && !loopback.test(new URL(origin).host)) {
      return failed(403, -32000, "Origin is not loopback")
    }
    if (!(await isLegacyRequest(request))) return modern.fetch(request)
    const id = request.headers.get("mcp-session-id")
    if (id === null) {
      const initialize = request.method === "POST" && (await request.clone().text()).includes(`"initialize"`)
      return initialize ? open(request) : failed(400, -32000, "Bad Request: no session")
    }
    const session = sessions.get(id)
    return session === undefined ? failed(404, -32001, "Session not found") : session.transport.handleRequest(request)
  })
})

const memoryEvents = (): EventStore => {
  const events: Array<{ readonly stream: string; readonly message: JSONRPCMessage }> = []
  return {
    storeEvent: async (stream, message) => `e${events.push({ stream, message }) - 1}`,
    replayEventsAfter: async (last, { send }) => {
      const index = Number(last.slice(1))
      const stream = events[index]?.stream ?? ""
      for (const [at, event] of events.entries()) {
        const empty = Object.keys(event.message).length === 0
        if (at > index && event.stream === stream && !empty) await send(`e${at}`, event.message)
      }
      return stream
    }
  }
}

/** The usual mistakes in a relay's URL, made in front of real servers: what status, doctor and the log say to try. */
import { assert, describe, it } from "@effect/vitest"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js"
import { Effect } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { Check } from "../../../src/cli/doctor/Check.ts"
import { scratch } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { selfSigned } from "../../support/selfSigned.ts"
import * as Terminal from "../../support/Terminal.ts"

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

/** The official server of revision 2024-11-05: a stream at `/sse`, and a second endpoint that the stream names. */
const oldServer = (): RequestListener => {
  const transports = new Map<string, SSEServerTransport>()
  return (request, response) => {
    const url = new URL(request.url ?? "", "http://127.0.0.1")
    if (request.method === "GET" && url.pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response)
      transports.set(transport.sessionId, transport)
      void new McpServer({ name: "old", version: "1" }).connect(transport)
      return
    }
    const known = transports.get(url.searchParams.get("sessionId") ?? "")
    if (request.method === "POST" && known !== undefined) return void known.handlePostMessage(request, response)
    response.writeHead(404, { "content-type": "text/html" }).end("<h1>not found</h1>")
  }
}

const page: RequestListener = (_, response) =>
  void response.writeHead(200, { "content-type": "text/html" }).end("<p>hi")

describe("a relay's URL with one of the usual mistakes in it", () => {
  it.live("is told from the others by status and doctor, each with what to try", () =>
    Effect.gen(function*() {
      const home = yield* scratch
      const relay = yield* TestRelay.start()
      const old = yield* listening(createServer(oldServer()))
      const secure = yield* listening(createSecureServer(selfSigned(), page))
      const plain = yield* listening(createServer(page))
      const closed = yield* Effect.scoped(listening(createServer(page)))
      const { origin } = new URL(relay.url)
      const urls = {
        wrongpath: `${origin}/wrong`,
        old: `http://127.0.0.1:${old}/sse`,
        tohttps: `http://127.0.0.1:${secure}/mcp`,
        tohttp: `https://127.0.0.1:${plain}/mcp`,
        certificate: `https://localhost:${secure}/mcp`,
        closed: `http://127.0.0.1:${closed}/mcp`,
        name: "http://holdfast-nowhere.invalid/mcp",
        website: `http://127.0.0.1:${plain}/mcp?key=s3cret`
      }
      const relays = Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, { url }]))
      const config = home.write(JSON.stringify({ relays }), "holdfast.json")
      const daemon = yield* Daemon.start({ relayUrl: relay.url, args: ["--config", config] })
      const report = yield* eventually(
        "every relay but the default one to be down",
        Effect.map(
          Terminal.run(daemon.dataDir, "doctor", "--json"),
          ({ out }): ReadonlyArray<Check> => JSON.parse(out).checks
        ),
        (checks) =>
          Object.keys(urls).every((id) => checks.some(({ name, state }) => name === `relay ${id}` && state !== "ok"))
      )
      const said = (id: string) => {
        const check = report.find(({ name }) => name === `relay ${id}`)
        return `${check?.found}; do: ${check?.remedy}`
      }
      assert.match(said("wrongpath"), /an MCP server answers at (\S+); do: write its URL as \1$/)
      assert.include(said("wrongpath"), relay.url)
      assert.match(said("old"), /old transport.*HTTP\+SSE.*; do: Holdfast speaks Streamable HTTP/)
      assert.include(said("tohttps"), `speaks https, not http; do: write its URL as https://127.0.0.1:${secure}/mcp`)
      assert.include(said("tohttp"), `speaks http, not https; do: write its URL as http://127.0.0.1:${plain}/mcp`)
      assert.match(said("tohttp"), /no connection to the relay: TLS failed: wrong version number; it speaks http/)
      assert.match(said("certificate"), /self.signed.*NODE_EXTRA_CA_CERTS/)
      assert.include(said("closed"), `nothing listens at 127.0.0.1:${closed}`)
      assert.match(said("name"), /holdfast-nowhere\.invalid/)
      assert.match(said("name"), /no machine is called|the name server does not answer/)
      assert.match(said("website"), /HTTP 200 with text\/html.*do: no MCP server is at this path/)

      const { out } = yield* Terminal.run(daemon.dataDir, "status")
      assert.include(out, `  try       it seems to speak plain http: try http://127.0.0.1:${plain}/mcp`)
      assert.include(out, `  try       no MCP server is at this path: try ${origin}/mcp`)
      const log = `${yield* daemon.stderr}${yield* daemon.stdout}`
      assert.match(log, /the relay (still )?cannot be reached.*try=.*plain http/)
      assert.notInclude([out, log, JSON.stringify(report)].join("\n"), "s3cret")
    }), 120_000)
})

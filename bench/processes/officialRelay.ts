/** A relay on the official server package and its adapter for Node, as its README sets one up, with sessions. */
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node"
import { Server } from "@modelcontextprotocol/server"
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { textOf } from "./CannedTools.ts"
import { started } from "./started.ts"

const names = ["small", "large"] as const
const sessions = new Map<string, NodeStreamableHTTPServerTransport>()

const mcpServer = (): Server => {
  const server = new Server({ name: "official", version: "1" }, { capabilities: { tools: { listChanged: true } } })
  server.setRequestHandler("tools/list", () => ({
    tools: names.map((name) => ({ name, inputSchema: { type: "object" as const } }))
  }))
  server.setRequestHandler("tools/call", ({ params: { name } }) => ({
    content: [{ type: "text" as const, text: textOf(name === "large" ? "large" : "small") }]
  }))
  return server
}

const open = async (): Promise<NodeStreamableHTTPServerTransport> => {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => {
      sessions.set(id, transport)
    }
  })
  await mcpServer().connect(transport)
  return transport
}

const server = createServer(async (request, response) => {
  const id = request.headers["mcp-session-id"]
  const transport = typeof id === "string" ? sessions.get(id) : await open()
  if (transport === undefined) response.writeHead(404).end()
  else await transport.handleRequest(request, response)
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => started((server.address() as AddressInfo).port))

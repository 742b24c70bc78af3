/** The test relay as one MCP server: tools by scope, a prompt with completion, a resource, logging. */
import { ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server"
import { callTool } from "./RelayCalls.ts"
import type { RelayState } from "./RelayState.ts"

const names = ["alice", "alan", "bob"]
const inbox = { uri: "relay://inbox", name: "inbox", mimeType: "application/json" }

export const relayServer = (state: RelayState): Server => {
  const server = new Server({ name: "test-relay", version: "1.0.0" }, {
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      logging: {},
      completions: {}
    },
    instructions: "A relay to be killed."
  })
  server.setRequestHandler("tools/list", (_request, ctx) => ({
    tools: state.toolsFor(ctx.http?.authInfo?.scopes ?? ["*"]).map(({ isWrite: _isWrite, scope: _scope, ...tool }) =>
      tool
    )
  }))
  server.setRequestHandler("tools/call", async (request, ctx) => {
    state.inFlight++
    try {
      return await callTool(state, request.params.name, request.params.arguments ?? {}, ctx, server)
    } finally {
      state.inFlight--
    }
  })
  server.setRequestHandler("prompts/list", () => ({
    prompts: [{ name: "greet", description: "Greets", arguments: [{ name: "name", required: true }] }]
  }))
  server.setRequestHandler("prompts/get", (request) => {
    if (request.params.name !== "greet") {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Prompt ${request.params.name} not found`)
    }
    const text = `Hello, ${request.params.arguments?.["name"] ?? "you"}`
    return { messages: [{ role: "user", content: { type: "text", text } }] }
  })
  server.setRequestHandler("completion/complete", (request) => ({
    completion: { values: names.filter((name) => name.startsWith(request.params.argument.value)) }
  }))
  server.setRequestHandler("resources/list", () => ({ resources: [inbox] }))
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: [] }))
  server.setRequestHandler("resources/read", (request) => ({
    contents: [{
      uri: request.params.uri,
      mimeType: "application/json",
      text: JSON.stringify(state.ledger.entries.length)
    }]
  }))
  server.setRequestHandler("resources/subscribe", () => ({}))
  server.setRequestHandler("resources/unsubscribe", () => ({}))
  return server
}

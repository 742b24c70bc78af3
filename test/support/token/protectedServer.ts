/** An MCP server of the official SDK with one tool that writes: it keeps what it was told and by whom. */
import { createMcpHandler, Server } from "@modelcontextprotocol/server"

/** A letter that the server took, and whose token it came with. */
export interface Letter {
  readonly text: string
  readonly from: string
}

const text = { type: "string" } as const

export const protectedServer = (letters: Array<Letter>) =>
  createMcpHandler(() => {
    const server = new Server({ name: "protected", version: "1.0.0" }, { capabilities: { tools: {} } })
    server.setRequestHandler("tools/list", () => ({
      tools: [{
        name: "relay_send_message",
        description: "Sends a message",
        inputSchema: { type: "object", properties: { to: text, text, idempotencyKey: text }, required: ["text"] }
      }]
    }))
    server.setRequestHandler("tools/call", (request, { http }) => {
      const letter = { text: String(request.params.arguments?.["text"]), from: String(http?.authInfo?.extra?.["sub"]) }
      letters.push(letter)
      return { content: [{ type: "text", text: JSON.stringify(letter) }] }
    })
    return server
  }, { responseMode: "json", keepAliveMs: 0 })

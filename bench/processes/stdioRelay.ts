/** The stub relay for proxies whose other side is stdio: one JSON line in, one out. */
import { createInterface } from "node:readline"
import { textOf } from "./CannedTools.ts"

const echo = JSON.stringify({ content: [{ type: "text", text: textOf("small") }] })
const tools = JSON.stringify({ tools: [{ name: "small", inputSchema: { type: "object" } }] })
const initialized = JSON.stringify({
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "stub", version: "1" }
})

const results: Readonly<Record<string, string>> = {
  initialize: initialized,
  ping: "{}",
  "tools/call": echo,
  "tools/list": tools
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line)
  if (id === undefined) continue
  const result = results[method]
  const rest = result === undefined
    ? `"error":{"code":-32601,"message":"Method not found"}`
    : `"result":${result}`
  process.stdout.write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${rest}}\n`)
}

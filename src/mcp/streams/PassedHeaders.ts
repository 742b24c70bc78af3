/** Which headers pass, by allow-list towards the relay; credentials stay on their side (BEHAVIOUR, fourth guarantee). */
import type { IncomingHttpHeaders } from "node:http"

const toRelay = new Set([
  "accept-language",
  "baggage",
  "mcp-method",
  "mcp-name",
  "traceparent",
  "tracestate",
  "user-agent"
])

/** The agent's headers that go to the relay, lower case; `Mcp-Param-*` are passed on unseen, as intermediaries must. */
export const passedToRelay = (headers: IncomingHttpHeaders): Readonly<Record<string, string>> => {
  const passed: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === "string" && (toRelay.has(name) || name.startsWith("mcp-param-"))) passed[name] = value
  }
  return passed
}

const neverToAgent = new Set([
  "authorization",
  "connection",
  "content-length",
  "cookie",
  "keep-alive",
  "location",
  "proxy-authenticate",
  "set-cookie",
  "transfer-encoding",
  "www-authenticate"
])

/** The last gate before the agent: whatever came through until here, these do not leave. */
export const passedToAgent = (headers: Readonly<Record<string, string>>): Record<string, string> => {
  const passed: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && !neverToAgent.has(name.toLowerCase())) passed[name] = value
  }
  return passed
}

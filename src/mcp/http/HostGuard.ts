/**
 * Keeps web pages out: a page that rebinds its name to loopback names itself in Host, any other page in Origin
 * (MCP, transports, security warning).
 */
import { Option } from "effect"
import type { IncomingMessage } from "node:http"
import type { Settings } from "../../config/Settings.ts"
import * as Authority from "../../domain/Authority.ts"
import { isLoopback } from "../../domain/Authority.ts"
import { type Refusal, refusal } from "./Refusal.ts"

type Listen = Settings["Service"]["listen"]

const hostAllowed = (host: string, listed: ReadonlyArray<string>): boolean =>
  Option.exists(
    Authority.parse(host),
    ({ name }) => isLoopback(name) || listed.some((entry) => [name, host.toLowerCase()].includes(entry.toLowerCase()))
  )

const originAllowed = (origin: string, listed: ReadonlyArray<string>): boolean => {
  if (listed.includes(origin)) return true
  const url = URL.parse(origin)
  return url !== null && /^https?:$/.test(url.protocol) && isLoopback(url.hostname)
}

/** What decides who asks and whom. Of several Node would keep the first, and a proxy before us perhaps the last. */
const once: ReadonlySet<string> = new Set(["host", "origin", "authorization", "mcp-session-id", "last-event-id"])

const repeated = (rawHeaders: ReadonlyArray<string>): string | undefined => {
  const seen: Array<string> = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ""
    if (!once.has(name)) continue
    if (seen.includes(name)) return name
    seen.push(name)
  }
  return undefined
}

/** Why the request is refused, or `undefined`. Host has to be there; Origin only where the client is a browser. */
export const guard = (
  { headers: { host = "", origin }, rawHeaders }: Pick<IncomingMessage, "headers" | "rawHeaders">,
  listen: Pick<Listen, "allowedHosts" | "allowedOrigins">
): Refusal | undefined => {
  const twice = repeated(rawHeaders)
  if (twice !== undefined) return refusal(400, `the header ${twice} is there twice; send it once`)
  if (!hostAllowed(host, listen.allowedHosts)) {
    return refusal(
      403,
      `Host ${JSON.stringify(host)} does not name loopback; list it in listen.allowedHosts to allow it`
    )
  }
  if (origin !== undefined && !originAllowed(origin, listen.allowedOrigins)) {
    return refusal(
      403,
      `Origin ${JSON.stringify(origin)} is not loopback; list it in listen.allowedOrigins to allow it`
    )
  }
  return undefined
}

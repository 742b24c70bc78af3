/**
 * Keeps web pages out: a page that rebinds its name to loopback names itself in Host, any other page in Origin
 * (MCP, transports, security warning).
 */
import type { Settings } from "../../config/Settings.ts"
import { isLoopback } from "../../domain/Loopback.ts"
import { type Refusal, refusal } from "./Refusal.ts"

type Listen = Settings["Service"]["listen"]

const authority = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/

const hostAllowed = (host: string, listed: ReadonlyArray<string>): boolean => {
  const name = authority.exec(host)?.[1]?.toLowerCase()
  if (name === undefined) return false
  return isLoopback(name) || listed.some((entry) => [name, host.toLowerCase()].includes(entry.toLowerCase()))
}

const originAllowed = (origin: string, listed: ReadonlyArray<string>): boolean => {
  if (listed.includes(origin)) return true
  const url = URL.parse(origin)
  return url !== null && /^https?:$/.test(url.protocol) && isLoopback(url.hostname)
}

/** Why the request is refused, or `undefined`. Host has to be there; Origin only where the client is a browser. */
export const guard = (
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  listen: Pick<Listen, "allowedHosts" | "allowedOrigins">
): Refusal | undefined => {
  const { host = "", origin } = headers
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

/** What of the relay's response headers may pass, by allow-list: never a challenge, a cookie or a location. */
import { Clock, Effect } from "effect"
import * as ForeignTime from "../../domain/ForeignTime.ts"

/** As undici gives them: names in lower case. */
export type RawHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

const allowed = ["content-type", "cache-control", "mcp-protocol-version", "retry-after", "x-request-id"]

export const header = (headers: RawHeaders, name: string): string | undefined => {
  const value = headers[name]
  return value === undefined || typeof value === "string" ? value : value.join(", ")
}

export const allowedOnly = (headers: RawHeaders): Record<string, string> => {
  const passed: Record<string, string> = {}
  for (const name of allowed) {
    const value = header(headers, name)
    if (value !== undefined) passed[name] = value
  }
  return passed
}

/** The media type, lower case, without parameters; empty where there is none. */
export const mediaType = (headers: RawHeaders): string => {
  const type = header(headers, "content-type") ?? ""
  if (type === "application/json" || type === "text/event-stream") return type
  return type.split(";", 1).join("").trim().toLowerCase()
}

/** Milliseconds to wait, where the relay says so. */
export const retryAfterMillis = (headers: RawHeaders) =>
  Effect.map(Clock.currentTimeMillis, (now) => ForeignTime.retryAfterMillis(header(headers, "retry-after"), now))

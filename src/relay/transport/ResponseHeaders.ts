/** What of the relay's response headers may pass, by allow-list: never a challenge, a cookie or a location. */
import { Clock, DateTime, Effect, Option } from "effect"

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

/** Milliseconds to wait; RFC 9110, section 10.2.3: seconds or a date. */
export const retryAfterMillis = Effect.fnUntraced(function*(headers: RawHeaders) {
  const value = header(headers, "retry-after")?.trim()
  if (value === undefined || value === "") return undefined
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = DateTime.make(value)
  if (Option.isNone(date)) return undefined
  const now = yield* Clock.currentTimeMillis
  return Math.max(0, Math.floor(DateTime.toEpochMillis(date.value) - now))
})

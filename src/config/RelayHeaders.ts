/** The headers of a relay's settings, and those that Holdfast sets itself. */
import { Schema } from "effect"

/** Set by the relay's transport alone; whatever an agent sent under these names goes nowhere. In lower case. */
export const own: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "authorization",
  "connection",
  "content-length",
  "content-type",
  "cookie",
  "dpop",
  "expect",
  "host",
  "keep-alive",
  "last-event-id",
  "mcp-session-id",
  "origin",
  "proxy-authorization",
  "transfer-encoding",
  "upgrade"
])

/** RFC 9110, section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~\w-]+$/

/** Why a relay's settings cannot hold a header of this name; `Authorization` they can, in the place of a token. */
export const fault = (name: string): string | undefined => {
  if (!token.test(name)) return "no header has such a name"
  const lower = name.toLowerCase()
  return lower !== "authorization" && own.has(lower)
    ? "Holdfast sets that header itself"
    : undefined
}

export const RelayHeaders = Schema.Record(Schema.String, Schema.RedactedFromValue(Schema.String)).check(
  Schema.makeFilter((headers) =>
    Object.keys(headers).flatMap((name) => {
      const issue = fault(name)
      return issue === undefined ? [] : [{ path: [name], issue: `${issue}: take it out` }]
    })
  )
)

/** Values in headers: what leaves is a header to Node and to undici, and comes back as it was. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { validateHeaderName, validateHeaderValue } from "node:http"
import * as Authority from "../../../../src/domain/Authority.ts"
import * as ForeignTime from "../../../../src/domain/ForeignTime.ts"
import * as McpHeaders from "../../../../src/domain/McpHeaders.ts"
import { passedToAgent, passedToRelay } from "../../../../src/mcp/streams/PassedHeaders.ts"
import { mutated, type Target } from "../fuzz.ts"

const words = [
  "a",
  "relay_send_message",
  " ",
  "\t",
  "\r",
  "\n",
  "\r\nX-Evil: 1\r\n",
  "\0",
  "\x7f",
  "\x80",
  "é",
  "😀",
  "\ud800",
  "\u2028",
  "=?base64?",
  "?=",
  "=?base64?YQ==?=",
  "YQ==",
  "YQ=",
  "/w==",
  "127.0.0.1",
  "localhost",
  "[::1]",
  ":80",
  "@",
  "%6c",
  "Wed, 21 Oct 2015 07:28:00 GMT",
  "99999999999999999999",
  "-1",
  "0x10",
  "1e400"
] as const

/** A field's value as RFC 9110, section 5.5, has it, ASCII only. */
const isFieldValue = (text: string): boolean => /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/.test(text)

export const headersTarget: Target = {
  name: "headers",
  make: (dice) => {
    const text = Array.from({ length: dice.between(0, 6) }, () => dice.of(words)).join("")
    return dice.chance(0.3) ? mutated(dice, text, ["=", "?", " ", "\n", "A", "/", "+", "_", "-", "é"]) : text
  },
  check: (text) => {
    const encoded = McpHeaders.encode(text)
    ok(isFieldValue(encoded))
    validateHeaderValue("mcp-name", encoded)
    strictEqual(new Headers({ "mcp-name": encoded }).get("mcp-name"), encoded)
    // A lone surrogate has no bytes in UTF-8.
    if (text.isWellFormed()) strictEqual(McpHeaders.decode(encoded), text)
    const decoded = McpHeaders.decode(text)
    ok(decoded === undefined || decoded === text || text.startsWith("=?base64?"))
    if (decoded !== undefined && decoded !== text) {
      strictEqual(text, `=?base64?${Buffer.from(decoded).toString("base64")}?=`)
    }

    const headers = { "mcp-name": text, "mcp-param-x": text, [text]: text, authorization: text, cookie: text }
    for (const [name, value] of Object.entries(passedToRelay(headers))) {
      validateHeaderName(name)
      strictEqual(value, text)
      ok(!/^(authorization|cookie|host|transfer-encoding|content-length|connection)$/.test(name))
    }
    deepStrictEqual(
      Object.keys(passedToAgent({ "Set-Cookie": text, "WWW-AUTHENTICATE": text, Location: text, ok: text })),
      ["ok"]
    )

    const millis = ForeignTime.retryAfterMillis(text, 1_700_000_000_000)
    ok(millis === undefined || (Number.isSafeInteger(millis) && millis >= 0 && millis <= ForeignTime.maxRetryAfter))

    const authority = Authority.parse(text)
    const origin = Authority.originOf("https", text)
    if (origin._tag === "Some") {
      ok(authority._tag === "Some")
      strictEqual(new URL(origin.value).hostname, authority.value.name)
      strictEqual(new URL(`https://${text}/`).origin, origin.value)
    }
  }
}

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { handshake, type Received, scriptedRelay } from "../relay/ScriptedRelay.ts"
import { Daemon } from "../support/Daemon.ts"

/** JSON text as somebody else would write it: odd spacing, key order, escapes, numbers that no double holds. */
const space = fc.constantFrom("", "", " ", "\n", "\t ", "\r\n")
const number = fc.constantFrom("0", "-0", "1e400", "12345678901234567890", "0.1000", "1E-7")
const string = fc.oneof(
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  fc.constantFrom("\"\\ud800\"", "\"\\u0000\\/\"", "\"\u00fc\u4e16\ud83d\ude00\"", `"${"x".repeat(1024 * 1024)}"`)
)
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    string,
    fc.constantFrom("true", "false", "null"),
    fc.tuple(space, fc.array(tie("value"), { maxLength: 4 })).map(([gap, all]) =>
      `[${gap}${all.join(`${gap},`)}${gap}]`
    ),
    fc.tuple(space, fc.array(fc.tuple(string, tie("value")), { maxLength: 4 })).map(([gap, all]) =>
      `{${gap}${all.map(([key, inner]) => `${key}${gap}:${gap}${inner}`).join(`,${gap}`)}}`
    )
  )
}))
const deep = fc.integer({ min: 1, max: 400 }).map((depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`)
const params = fc.oneof({ weight: 5, arbitrary: value }, { weight: 1, arbitrary: deep })
const messages = fc.tuple(
  fc.constantFrom("custom/echo", "prompts/get", "resources/read", "tools/call"),
  fc.constantFrom("7", "\"id\"", "98765432109876543210", "\"\\u0069d\""),
  params,
  space
)

describe("what passes through", () => {
  it.live("is the same to the byte on both ways, whatever it is", () =>
    Effect.gen(function*() {
      let answer = ""
      const relay = yield* scriptedRelay((seen: Received, response) => {
        if (handshake(seen, response, "s")) return
        response.writeHead(200, { "content-type": "application/json" })
        response.end(
          seen.body.includes("\"extra\"") ? answer : `{"jsonrpc":"2.0","id":${seen.id},"result":{"tools":[]}}`
        )
      })
      const daemon = yield* Daemon.start({ relayUrl: relay.url.href })
      const headers = {
        authorization: `Bearer ${daemon.secret}`,
        accept: "application/json, text/event-stream",
        "content-type": "application/json"
      }
      const session = yield* Effect.promise(async () => {
        const body =
          `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`
        const response = await fetch(daemon.url, { method: "POST", headers, body })
        return response.headers.get("mcp-session-id") ?? ""
      })
      const inSession = { ...headers, "mcp-session-id": session }
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(messages, async ([method, id, inner, gap]) => {
            const body =
              `{${gap}"params":{"x":${inner},"name":"free"},"id":${gap}${id},"method":"${method}","extra":[1.0],"jsonrpc":"2.0"}`
            fc.pre(Buffer.byteLength(body) < 4 * 1024 * 1024)
            answer = `{"jsonrpc":${gap}"2.0","result":${gap}{"is":${inner}},"more":[1.0],"id":${id}}`
            const response = await fetch(daemon.url, { method: "POST", headers: inSession, body })
            assert.strictEqual(await response.text(), answer)
            // Sessions of Holdfast's own come and go meanwhile.
            assert.strictEqual(relay.received.findLast((seen) => seen.body.includes("\"extra\""))?.body, body)
          }),
          { numRuns: 150 }
        )
      )
    }), 120_000)
})

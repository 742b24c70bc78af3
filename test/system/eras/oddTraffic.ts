/** An agent and a relay of either era that say whatever a property makes up, and what each of them got. */
import { Context, Effect, Layer } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { handshake, type Received, scriptedRelay } from "../../support/relay/ScriptedRelay.ts"
import { envelope } from "./RawModern.ts"

export type Era = "legacy" | "modern"

/** In each message that a property makes up, and in none of Holdfast's own. */
export const mark = `"extra":[1.0]`

const tools = `{"tools":[{"name":"relay_send_message","inputSchema":{"type":"object","properties":{"idempotencyKey":`
  + `{"type":"string"}}}},{"name":"relay_reply","inputSchema":{"type":"object"}}],"resultType":"complete","ttlMs":0}`
const discovered = `{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete","ttlMs":0}`

/** What a request of this era says in `_meta`, as JSON text. */
export const metaOf = (era: Era): string => era === "modern" ? JSON.stringify(envelope) : "{}"

const oddTraffic = Effect.fnUntraced(function*(era: Era) {
  let answer: (seen: Received) => string = () => ""
  const relay = yield* scriptedRelay((seen, response) => {
    const odd = seen.body.includes(mark)
    if (era === "legacy" && !odd && handshake(seen, response, "s")) return
    response.writeHead(200, {
      "content-type": "application/json",
      ...(era === "legacy" ? { "mcp-session-id": "s" } : {})
    })
    if (odd) return void response.end(answer(seen))
    const result = seen.rpc === "server/discover" && era === "modern" ? discovered : tools
    const known = era === "modern" || seen.rpc !== "server/discover"
    const said = known ? `"result":${result}` : `"error":{"code":-32601,"message":"unknown"}`
    response.end(`{"jsonrpc":"2.0","id":${seen.id},${said}}`)
  })
  const daemon = yield* Daemon.start({ relayUrl: relay.url.href })
  const send = (body: string, headers: Readonly<Record<string, string>>) =>
    fetch(daemon.url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${daemon.secret}`,
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...headers
      },
      body
    })
  const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",`
    + `"capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`
  const session = era === "modern"
    ? undefined
    : (yield* Effect.promise(() => send(hello, {}))).headers.get("mcp-session-id") ?? ""
  return {
    /** What the agent gets for `body`, where the relay answers with `script`; and what the relay got of it. */
    pass: async (body: string, method: string, name: string, script: (seen: Received) => string) => {
      answer = script
      const headers = session === undefined
        ? { "mcp-protocol-version": "2026-07-28", "mcp-method": method, "mcp-name": name }
        : { "mcp-session-id": session }
      const response = await send(body, headers)
      const text = await response.text()
      const arrived = relay.received.findLast((seen) => seen.body.includes(mark))
      relay.received.length = 0
      return { text, arrived: arrived?.body ?? "", key: String(arrived?.headers["idempotency-key"]) }
    },
    /** A session's first message, of which each property makes its own. */
    send,
    relay,
    answerWith: (script: (seen: Received) => string) => {
      answer = script
    }
  }
})

/** Shared by the sentences about one era. */
export class OddTraffic extends Context.Service<OddTraffic, Effect.Success<ReturnType<typeof oddTraffic>>>()(
  "holdfast/test/OddTraffic"
) {
  static readonly layer = (era: Era) => Layer.effect(OddTraffic, oddTraffic(era))
}

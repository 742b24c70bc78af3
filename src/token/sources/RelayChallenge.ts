/**
 * What a relay says to somebody without a token: its `WWW-Authenticate` (MCP, authorization; RFC 9728, section 5.1).
 *
 * Asked by a request for its tools, as agents make it: some guard nothing but POST, or let a greeting pass unguarded.
 * Where that brings no challenge, by the GET that opens a stream.
 */
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import * as Envelope from "../../domain/Envelope.ts"
import { modernVersions } from "../../domain/ProtocolVersion.ts"
import { version } from "../../domain/Version.ts"
import * as TokenHttp from "./TokenHttp.ts"

/** In the form of both eras: the older one leaves `_meta` aside. */
const question = JSON.stringify({
  jsonrpc: "2.0",
  id: "holdfast-challenge",
  method: "tools/list",
  params: {
    _meta: {
      [Envelope.protocolVersion]: modernVersions[0],
      [Envelope.clientInfo]: { name: "holdfast", version },
      [Envelope.clientCapabilities]: {}
    }
  }
})

/** Asks for its tools as somebody without a token does, with a request of its own. */
export const knock = (relay: URL) =>
  TokenHttp.send(
    HttpClientRequest.post(relay).pipe(
      HttpClientRequest.setHeaders({
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": modernVersions[0],
        "mcp-method": "tools/list"
      }),
      HttpClientRequest.bodyText(question, "application/json")
    ),
    { onlyFailures: true }
  )

/** `undefined` where it asks for no token; empty where it does and says nothing else. */
export const challengeOf = Effect.fnUntraced(function*(relay: URL) {
  const asked = yield* knock(relay)
  if (asked.challenge !== undefined || asked.status === 401) return asked.challenge ?? ""
  const opened = yield* TokenHttp.send(
    HttpClientRequest.get(relay).pipe(HttpClientRequest.setHeader("accept", "text/event-stream")),
    { onlyFailures: true }
  )
  return opened.status === 401 ? opened.challenge ?? "" : opened.challenge
})

/**
 * What Holdfast remembers of an agent of the modern era, which has no session: its menu, its lists, its relay session.
 *
 * One for each agent, run of it by `exec`, client and set of capabilities, under an id that follows from them and that no agent can name: so
 * that the idempotency keys made from a client's call ids survive a restart of Holdfast.
 */
import { createHash } from "node:crypto"
import * as Envelope from "../../domain/Envelope.ts"
import { type AgentName, SessionId } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import { ownClientInfo } from "../../domain/OwnInitialize.ts"
import { defaultVersion } from "../../domain/ProtocolVersion.ts"
import { contextPrefix } from "./AgentSession.ts"
import type { NewContext } from "./AgentSessions.ts"

/** What a request says of its client; the same clients say the same with each request. */
export const contextOf = (agent: AgentName, run: string | undefined, { params, text }: Request): NewContext => {
  const at = (key: string) => JsonText.at(text, ["params", "_meta", key])
  const client = at(Envelope.clientInfo) ?? JSON.stringify(ownClientInfo)
  const capabilities = at(Envelope.clientCapabilities) ?? "{}"
  const digest = createHash("sha256").update(
    JSON.stringify([agent, client, capabilities, ...(run === undefined ? [] : [run])])
  ).digest("base64url")
  return {
    id: SessionId.make(`${contextPrefix}${digest}`),
    agent,
    initialize: `{"jsonrpc":"2.0","id":"holdfast","method":"initialize","params":{"protocolVersion":`
      + `"${defaultVersion}","capabilities":${capabilities},"clientInfo":${client}}}`,
    protocol_version: Envelope.revision(params) ?? ""
  }
}

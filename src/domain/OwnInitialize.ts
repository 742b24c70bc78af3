/** The `initialize` of Holdfast itself, where it asks a relay for nobody else. Whoever sends it sets the id. */
import { defaultVersion } from "./ProtocolVersion.ts"
import { version } from "./Version.ts"

export const ownClientInfo = { name: "holdfast", version }

/** Its text. Without client capabilities: the relay can ask nothing of it. */
export const initializeAs = (clientInfo: typeof ownClientInfo & { readonly title?: string }): string =>
  JSON.stringify({
    jsonrpc: "2.0",
    id: "holdfast",
    method: "initialize",
    params: { protocolVersion: defaultVersion, capabilities: {}, clientInfo }
  })

export const ownInitialize = initializeAs(ownClientInfo)

/** The JSON-RPC errors that Holdfast itself answers with, or acts on (JSON-RPC 2.0, section 5.1). */

export const codes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,

  /** Those of MCP 2026-07-28. */
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,

  /** Our own count down from -31001, outside every range that MCP or JSON-RPC reserve. */
  secret: -31001,
  relay: -31002,
  stopping: -31003,
  outbox: -31004,
  session: -31005,
  /** One era of the protocol cannot express it in the other. */
  era: -31006,
  /** The tool is held back until somebody approves its definition. */
  approval: -31007
} as const

export interface JsonRpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** The text of an error response; `id` is the request's id as it stood in the request's text. */
export const text = (id: string | null, error: JsonRpcError): string =>
  `{"jsonrpc":"2.0","id":${id ?? "null"},"error":${JSON.stringify(error)}}`

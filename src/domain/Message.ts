/** One JSON-RPC message of MCP: looked at by value, passed on by text. */
import type { Result } from "effect"

export interface Request {
  readonly _tag: "Request"
  readonly text: string
  /** As it stands in the text: `1`, `"a"`, `12345678901234567890`. */
  readonly id: string
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}
export interface Notification {
  readonly _tag: "Notification"
  readonly text: string
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}
export interface Response {
  readonly _tag: "Response"
  readonly text: string
  readonly id: string
  /** The error object where it is an error response. */
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } | undefined
  /** The parsed result where it is not. */
  readonly result: unknown
}
export interface Batch {
  readonly _tag: "Batch"
  readonly text: string
  readonly messages: ReadonlyArray<Message>
}
export type Message = Request | Notification | Response

export interface Malformed {
  /** -32700 for text that is no JSON, -32600 for JSON that is no JSON-RPC message. */
  readonly code: -32700 | -32600
  readonly message: string
}

export type Parse = (text: string) => Result.Result<Message | Batch, Malformed>

/** A tool call as an official client makes it, and what can come of it. */
import { Predicate, Schema } from "effect"

export interface CallOptions {
  readonly meta?: Record<string, unknown>
  /** Milliseconds; 60 s, without. */
  readonly timeout?: number
  readonly onProgress?: (progress: { readonly progress: number; readonly message?: string | undefined }) => void
}

export interface CallResult {
  readonly content?: unknown
  readonly structuredContent?: unknown
  readonly isError?: boolean | undefined
  readonly [key: string]: unknown
}

export interface ListedTool {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: { readonly properties?: Readonly<Record<string, unknown>> | undefined }
  readonly outputSchema?: unknown
  readonly annotations?: {
    readonly readOnlyHint?: boolean | undefined
    readonly idempotentHint?: boolean | undefined
  } | undefined
}

/** What the client threw: a JSON-RPC error with its code and data, or a failure of its transport. */
export class CallFailed extends Schema.TaggedError<CallFailed>()("CallFailed", {
  text: Schema.String,
  code: Schema.Unknown,
  data: Schema.Unknown
}) {
  static readonly from = (thrown: unknown): CallFailed =>
    new CallFailed({
      text: thrown instanceof Error ? thrown.message : String(thrown),
      code: Predicate.hasProperty(thrown, "code") ? thrown.code : undefined,
      data: Predicate.hasProperty(thrown, "data") ? thrown.data : undefined
    })

  override get message(): string {
    return this.text
  }
}

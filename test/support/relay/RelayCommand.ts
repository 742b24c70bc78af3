/** What a test tells a running relay, over the process's IPC channel. */
import type { Answer, AnswerMatch } from "./Answer.ts"
import type { TokenGrant } from "./RelayConfig.ts"
import type { ToolDefinition } from "./RelayTools.ts"
import type { WritePoint } from "./WriteGate.ts"

export type RelayCommand =
  | { readonly _tag: "Hold"; readonly point: WritePoint }
  | { readonly _tag: "Release"; readonly point: WritePoint }
  | { readonly _tag: "AwaitHeld"; readonly point: WritePoint; readonly count: number }
  | { readonly _tag: "DieAt"; readonly point: WritePoint }
  | { readonly _tag: "SetTokens"; readonly tokens: Readonly<Record<string, TokenGrant>> | undefined }
  | { readonly _tag: "DropSessions" }
  | { readonly _tag: "AnswerNext"; readonly count: number; readonly answer: Answer; readonly match: AnswerMatch }
  | { readonly _tag: "AnswerAsUsual" }
  | { readonly _tag: "PutTool"; readonly tool: ToolDefinition; readonly announce: boolean }
  | { readonly _tag: "RemoveTool"; readonly name: string; readonly announce: boolean }
  | { readonly _tag: "ResourceUpdated"; readonly uri: string }
  | { readonly _tag: "Notify"; readonly method: string; readonly params: Readonly<Record<string, unknown>> }
  | { readonly _tag: "Step" }
  | { readonly _tag: "Counts" }

export interface RelayCounts {
  readonly sessions: number
  /** GET and listen streams that are open now. */
  readonly streams: number
  /** Calls that are being served now. */
  readonly inFlight: number
}

export interface RelayReply {
  readonly id: number
  readonly error?: string
  readonly value?: RelayCounts
}

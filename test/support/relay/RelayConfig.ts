/** What a test relay is started with; one JSON document, the process's only argument. */
import type { ToolDefinition } from "./RelayTools.ts"

/** Whom a token stands for. Without `scopes` it may use everything. */
export interface TokenGrant {
  readonly agent: string
  readonly scopes?: ReadonlyArray<string>
}

export interface RelayConfig {
  /** 0 picks a free one. */
  readonly port: number
  /** JSON lines, each synced to disk before the answer; what was accepted survives SIGKILL. */
  readonly ledgerFile: string
  /** JSON lines of every HTTP request as it came; not synced, survives SIGKILL all the same. */
  readonly requestsFile: string
  readonly era: "both" | "legacy" | "modern"
  /** Off: the legacy era is served stateless, GET answers 405. */
  readonly sessions: boolean
  readonly answers: "json" | "sse"
  /** How a request with a session that is not known is answered: 404, 400 as server-everything does, or 401. */
  readonly lostSessionStatus: 404 | 400 | 401
  /** One write per agent, tool and idempotency key, also over restarts. */
  readonly dedupe: boolean
  /** Whether the writing tools' schemas declare `idempotencyKey`. */
  readonly declaresKey: boolean
  /** Whether the writing tools carry `idempotentHint`. */
  readonly idempotentHint: boolean
  /** SSE events carry ids and can be resumed, within one life of the process. */
  readonly resumable: boolean
  /** Headers leave with the first byte of the body only. */
  readonly lateHeaders: boolean
  readonly extraTools: ReadonlyArray<ToolDefinition>
  readonly hiddenTools: ReadonlyArray<string>
  /** Absent: nobody is asked for a token, and everybody is the agent `anonymous`. */
  readonly tokens?: Readonly<Record<string, TokenGrant>> | undefined
}

export const defaultRelayConfig: Omit<RelayConfig, "ledgerFile" | "requestsFile"> = {
  port: 0,
  era: "both",
  sessions: true,
  answers: "sse",
  lostSessionStatus: 404,
  dedupe: true,
  declaresKey: true,
  idempotentHint: false,
  resumable: false,
  lateHeaders: false,
  extraTools: [],
  hiddenTools: []
}

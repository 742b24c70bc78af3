/** The context of each agent: one writer, on disk with its history, watched by the menu (BEHAVIOUR 6). */
import { Context, type Effect, Schema, type Stream } from "effect"
import type { AgentName } from "../domain/Ids.ts"
import type { ContextEvent, ContextState, Facts } from "./ContextState.ts"

export class IllegalTransition extends Schema.TaggedError<IllegalTransition>()("IllegalTransition", {
  state: Schema.String,
  event: Schema.String,
  legal: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${this.event} is not possible in ${this.state}; possible now: ${this.legal.join(", ")}`
  }
}

/** The event was meant for another worktree than the present one; it was logged and ignored. */
export class StaleEpoch extends Schema.TaggedError<StaleEpoch>()("StaleEpoch", {
  event: Schema.String,
  epoch: Schema.Int
}) {}

export interface HistoryEntry {
  readonly at: number
  readonly event: string
  readonly cause: string
  readonly state: ContextState
}

export class WorkspaceContexts extends Context.Service<WorkspaceContexts, {
  readonly get: (agent: AgentName) => Effect.Effect<ContextState>
  readonly facts: (agent: AgentName) => Effect.Effect<Facts>
  /** `cause` names the driver: `cli`, `api`, `library`, or the tool whose success was observed. */
  readonly send: (
    agent: AgentName,
    event: ContextEvent,
    options: { readonly cause: string; readonly epoch?: number | undefined }
  ) => Effect.Effect<ContextState, IllegalTransition | StaleEpoch>
  readonly history: (agent: AgentName, limit: number) => Effect.Effect<ReadonlyArray<HistoryEntry>>
  /** Each change of any agent's context, after it is on disk. */
  readonly changes: Stream.Stream<{ readonly agent: AgentName; readonly state: ContextState }>
}>()("holdfast/context/WorkspaceContexts") {}

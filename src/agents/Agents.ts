/** Who may speak to the endpoint: names, and secrets that are kept hashed (BEHAVIOUR 1). */
import { Context, type Effect, type Option, type Redacted, Schema } from "effect"
import type { AgentName } from "../domain/Ids.ts"

export class AgentExists extends Schema.TaggedError<AgentExists>()("AgentExists", { name: Schema.String }) {
  override get message(): string {
    return `agent "${this.name}" exists already; remove it first, or choose another name`
  }
}
export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", { name: Schema.String }) {
  override get message(): string {
    return `no agent is called "${this.name}"; "holdfast agents list" shows them`
  }
}

export class Agents extends Context.Service<Agents, {
  /** The agent whose secret this is; compared in constant time. */
  readonly authenticate: (secret: string) => Effect.Effect<Option.Option<AgentName>>
  readonly list: Effect.Effect<ReadonlyArray<AgentName>>
  /** The new secret, told this once. */
  readonly add: (name: AgentName) => Effect.Effect<Redacted.Redacted, AgentExists>
  readonly remove: (name: AgentName) => Effect.Effect<void, UnknownAgent>
}>()("holdfast/agents/Agents") {}

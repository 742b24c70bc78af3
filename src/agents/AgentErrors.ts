/** Why an agent cannot be added, removed or found; each says what to do. */
import { Schema } from "effect"
import { defaultAgent } from "../domain/Ids.ts"

export class AgentExists extends Schema.TaggedError<AgentExists>()("AgentExists", { name: Schema.String }) {
  override get message(): string {
    return `agent "${this.name}" exists already; remove it first, or choose another name`
  }
}
export class AgentLeaving extends Schema.TaggedError<AgentLeaving>()("AgentLeaving", { name: Schema.String }) {
  override get message(): string {
    return `an agent "${this.name}" was removed and its queue is not empty: wait until that is delivered, or discard it `
      + `with "holdfast outbox discard --all --agent ${this.name}"`
  }
}
export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", { name: Schema.String }) {
  override get message(): string {
    return `no agent is called "${this.name}"; "holdfast agents list" shows them`
  }
}
export class DefaultAgentStays extends Schema.TaggedError<DefaultAgentStays>()("DefaultAgentStays", {}) {
  override get message(): string {
    return `the agent "${defaultAgent}" cannot be removed; to change its secret, stop the daemon, delete agent-secret in `
      + "its data directory, and start it again"
  }
}

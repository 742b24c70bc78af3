/** The agents of this daemon, as the admin API tells them; a secret only to whom it is new. */
import { Schema } from "effect"
import { AgentName } from "../domain/Ids.ts"

export const AgentView = Schema.Struct({
  agent: AgentName,
  /** A removed one is leaving until its queue is empty; until then its name is taken. */
  state: Schema.Literals(["present", "leaving"]),
  /** At all relays together. */
  sessions: Schema.Int,
  /** Calls that are neither delivered nor discarded, dead letters among them. */
  undelivered: Schema.Int
})
export type AgentView = typeof AgentView.Type

export const NewAgent = Schema.Struct({ agent: AgentName, secret: Schema.String })
export type NewAgent = typeof NewAgent.Type

/** A secret for as long as the process `holder` lives: of `agent`, or of a new one whose name begins with `prefix`. */
const terms = {
  holder: Schema.Int,
  /** It is started so that it obeys list_changed. */
  obeysListChanged: Schema.Boolean
}
export const LeaseRequest = Schema.Union([
  Schema.Struct({ agent: AgentName, ...terms }),
  Schema.Struct({ prefix: Schema.String, ...terms })
])

export const LeaseView = Schema.Struct({ lease: Schema.String, agent: AgentName, secret: Schema.String })
export type LeaseView = typeof LeaseView.Type

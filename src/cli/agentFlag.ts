import { Flag } from "effect/cli"
import { AgentName, defaultAgent } from "../domain/Ids.ts"

export const optionalAgentFlag = Flag.String("agent").pipe(
  Flag.withDescription("Only this agent"),
  Flag.withMetavar("NAME"),
  Flag.withSchema(AgentName),
  Flag.optional
)

export const agentFlag = Flag.String("agent").pipe(
  Flag.withDescription("The agent (default: default)"),
  Flag.withMetavar("NAME"),
  Flag.withSchema(AgentName),
  Flag.withDefault(defaultAgent)
)

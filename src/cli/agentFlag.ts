import { Config } from "effect"
import { Flag } from "effect/cli"
import { otherVariables } from "../config/Environment.ts"
import { AgentName, defaultAgent } from "../domain/Ids.ts"

export const optionalAgentFlag = Flag.String("agent").pipe(
  Flag.withDescription("Only this agent"),
  Flag.withMetavar("NAME"),
  Flag.withSchema(AgentName),
  Flag.optional
)

/** What `exec` runs speaks of itself, unless it names another. */
export const agentFlag = Flag.String("agent").pipe(
  Flag.withDescription(`The agent (default: ${otherVariables.agent}, which exec sets, else ${defaultAgent})`),
  Flag.withMetavar("NAME"),
  Flag.withFallbackConfig(Config.NonEmptyString(otherVariables.agent)),
  Flag.withSchema(AgentName),
  Flag.withDefault(defaultAgent)
)

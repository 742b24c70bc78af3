/** Flags that several commands take, each with one meaning everywhere. */
import { Config } from "effect"
import { Flag } from "effect/cli"
import { otherVariables } from "../config/Environment.ts"
import { AgentName, defaultAgent } from "../domain/Ids.ts"

export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON document"),
  Flag.withDefault(false)
)

export const portFlag = Flag.Int("port").pipe(
  Flag.withMetavar("N"),
  Flag.filter((port) => port >= 0 && port <= 65535, () => "0 to 65535")
)

export const optionalAgentFlag = Flag.String("agent").pipe(
  Flag.withDescription("Only this agent"),
  Flag.withMetavar("NAME"),
  Flag.withSchema(AgentName),
  Flag.optional
)

export const limitFlag = Flag.Int("limit").pipe(
  Flag.withDescription("How many to list, 1 to 1000 (default: 100)"),
  Flag.withMetavar("N"),
  Flag.filter((n) => n >= 1 && n <= 1000, () => "1 to 1000"),
  Flag.withDefault(100)
)

/** `those`: what is listed, and by what it is numbered. */
export const afterFlag = (those: string, metavar: string) =>
  Flag.Int("after").pipe(Flag.withDescription(`Only ${those}`), Flag.withMetavar(metavar), Flag.optional)

/** An agent that `exec` started asks about itself, unless it names another one. */
export const agentFlag = Flag.String("agent").pipe(
  Flag.withDescription(`The agent (default: ${otherVariables.agent}, which exec sets, else ${defaultAgent})`),
  Flag.withMetavar("NAME"),
  Flag.withFallbackConfig(Config.NonEmptyString(otherVariables.agent)),
  Flag.withSchema(AgentName),
  Flag.withDefault(defaultAgent)
)

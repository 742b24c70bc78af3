/** The names that appear in keys on disk, in logs and in the admin API. */
import { Schema } from "effect"

const Name = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
  expected: "a name of 1 to 64 letters, digits, dots, dashes and underscores that begins with a letter or a digit"
}))

/** The configured name of a relay; `/mcp` is `default`, `/mcp/<name>` any other. */
export const RelayId = Name.pipe(Schema.brand("RelayId"))
export type RelayId = typeof RelayId.Type

/** The name of an agent; `default` always exists. */
export const AgentName = Name.pipe(Schema.brand("AgentName"))
export type AgentName = typeof AgentName.Type

/** An agent's MCP session id: minted by Holdfast, random, never the relay's. */
export const SessionId = Schema.NonEmptyString.pipe(Schema.brand("SessionId"))
export type SessionId = typeof SessionId.Type

/** Whom the relay's token stands for: a digest of source and subject, never the token. */
export const PrincipalId = Schema.NonEmptyString.pipe(Schema.brand("PrincipalId"))
export type PrincipalId = typeof PrincipalId.Type

export const defaultRelay = RelayId.make("default")
export const defaultAgent = AgentName.make("default")

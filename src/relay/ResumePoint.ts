/** Where the stream of a relay's answer can be read on, also by another process (MCP 2025-11-25, transports, resumability). */
import { Schema } from "effect"

export const ResumePoint = Schema.Struct({
  /** The relay's session. */
  session: Schema.optionalKey(Schema.String),
  protocolVersion: Schema.String,
  eventId: Schema.String,
  /** The request's id at the relay, JSON text. */
  id: Schema.String
})
export type ResumePoint = typeof ResumePoint.Type

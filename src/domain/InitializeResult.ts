/** What a client has to find in the answer to `initialize` (MCP 2025-11-25, lifecycle); official clients refuse less. */
import { Option, Predicate, Schema } from "effect"

const decode = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({
  protocolVersion: Schema.String,
  capabilities: Schema.Unknown,
  serverInfo: Schema.Struct({ name: Schema.String, version: Schema.String })
})))

export const isInitializeResult = (text: string): boolean =>
  Option.exists(decode(text), ({ capabilities }) => Predicate.isReadonlyObject(capabilities))

/** A request that goes no further than the endpoint: an HTTP status with a JSON-RPC error (BEHAVIOUR 1). */
import { Schema } from "effect"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import type { Connection } from "../streams/Connection.ts"

export class Refusal extends Schema.TaggedError<Refusal>()("Refusal", {
  status: Schema.Int,
  code: Schema.Int,
  /** Names what was refused, and the way out. */
  message: Schema.String,
  headers: Schema.Record(Schema.String, Schema.String),
  /** The request's id as it stood in its text, where it was read. */
  id: Schema.NullOr(Schema.String),
  data: Schema.optionalKey(Schema.Unknown)
}) {}

export const refusal = (
  status: number,
  message: string,
  more: Partial<Pick<Refusal, "code" | "headers" | "id" | "data">> = {}
): Refusal => new Refusal({ status, code: codes.invalidRequest, message, headers: {}, id: null, ...more })

export const methodNotAllowed = (method: string | undefined, allow: string): Refusal =>
  refusal(405, `${method ?? "this method"} is not possible here; use ${allow}`, { headers: { allow } })

export const refuse = (connection: Connection, { code, data, headers, id, message, status }: Refusal): void =>
  connection.reply(
    status,
    errorText(id, data === undefined ? { code, message } : { code, message, data }),
    {},
    headers
  )

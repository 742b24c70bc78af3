/**
 * The ids of events on streams to agents: `<stream>.<sequence>` and, where the stream answers a request,
 * `.<base64url of the request's id>`, so that a resumed stream can be answered after a crash too (BEHAVIOUR 3).
 */
import { Option, Predicate, Schema } from "effect"

const decodeJson = Schema.decodeOption(Schema.fromJsonString(Schema.Unknown))

/** What a `Last-Event-ID` of ours says by itself, also after the stream it names is gone. */
export interface EventIdParts {
  readonly stream: string
  readonly sequence: number
  /** The id, as it stood in the request's text, of the request that a POST's stream answers: one JSON string or number. */
  readonly requestId: string | undefined
}

const pattern = /^([A-Za-z0-9_-]+)\.(0|[1-9][0-9]{0,15})(?:\.([A-Za-z0-9_-]+))?$/

/** The ids of one stream, by sequence; `stream` is made of the letters of base64url. */
export const ofStream = (stream: string, requestId: string | undefined): (sequence: number) => string => {
  const end = requestId === undefined ? "" : `.${Buffer.from(requestId).toString("base64url")}`
  return (sequence) => `${stream}.${sequence}${end}`
}

export const encode = ({ requestId, sequence, stream }: EventIdParts): string => ofStream(stream, requestId)(sequence)

/** What a request's id may be, as JSON text. A client sends it back to us, and it goes into an answer as it stands. */
const isRequestId = (text: string): boolean => {
  const value: unknown = Option.getOrUndefined(decodeJson(text))
  return (Predicate.isString(value) || Predicate.isNumber(value)) && text === text.trim()
}

/** `undefined` for what is no id of ours. */
export const parse = (text: string): EventIdParts | undefined => {
  const [, stream, digits, encoded] = pattern.exec(text) ?? []
  if (stream === undefined) return undefined
  const requestId = encoded === undefined ? undefined : Buffer.from(encoded, "base64url").toString()
  if (requestId !== undefined && !isRequestId(requestId)) return undefined
  const parts = { stream, sequence: Number(digits), requestId }
  return encode(parts) === text ? parts : undefined
}

/** Parses one JSON-RPC message of MCP. Its values are read; its text is what goes on. */
import { Predicate, Result } from "effect"
import { forgetOthers, measure, members, root, type Span } from "./JsonScan.ts"
import * as JsonText from "./JsonText.ts"
import * as JsonValue from "./JsonValue.ts"

export interface Request {
  readonly _tag: "Request"
  readonly text: string
  /** As it stands in the text: `1`, `"a"`, `12345678901234567890`. */
  readonly id: string
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  /** The text in UTF-8, where that is long and at hand. */
  readonly bytes?: Uint8Array | undefined
}
export interface Notification {
  readonly _tag: "Notification"
  readonly text: string
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}
export interface Response {
  readonly _tag: "Response"
  readonly text: string
  /** `null`, as text, where an error answers a request whose id could not be read. */
  readonly id: string
  /** The error object where it is an error response. */
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } | undefined
  /** The parsed result where it is not; of an answer with more than `maxValues` values, `isError` and `resultType` alone. */
  readonly result: unknown
}
export interface Batch {
  readonly _tag: "Batch"
  readonly text: string
  readonly messages: ReadonlyArray<Message>
}
export type Message = Request | Notification | Response

/** The id, as text, under which it is answered; `null` where it is no request, as in an error that answers none. */
export const requestId = (message: Message | Batch): string | null => message._tag === "Request" ? message.id : null

export interface Malformed {
  /** -32700 for text that is no JSON, -32600 for JSON that is no JSON-RPC message. */
  readonly code: -32700 | -32600
  readonly message: string
}

/**
 * More values than that take so long to build that everybody else waits: such an answer is passed on by its text alone,
 * and whatever else is that dense is refused. A long string is one value.
 */
export const maxValues = 100_000

/** Deeper nesting is an error: `JSON.stringify` and all else that recurses would overflow the stack. */
export const maxDepth = 1000

const invalid = (message: string): Result.Result<never, Malformed> => Result.fail({ code: -32600, message })

const isId = (id: unknown): boolean => typeof id === "string" || typeof id === "number"

const fromCall = (text: string, value: Readonly<Record<string, unknown>>, method: string) => {
  const params = value["params"] ?? {}
  if (!Predicate.isObject(params)) return invalid("params must be an object")
  if (!Object.hasOwn(value, "id")) {
    return Result.succeed<Message>({ _tag: "Notification", text, method, params })
  }
  const id = isId(value["id"]) ? JsonText.at(text, ["id"]) : undefined
  if (id === undefined) return invalid("id must be a string or a number")
  return Result.succeed<Message>({ _tag: "Request", text, id, method, params })
}

const isError = (error: unknown): error is NonNullable<Response["error"]> =>
  Predicate.isObject(error)
  && Predicate.hasProperty(error, "code") && Predicate.isNumber(error.code)
  && Predicate.hasProperty(error, "message") && Predicate.isString(error.message)

const fromAnswer = (text: string, value: Readonly<Record<string, unknown>>) => {
  const error = value["error"] ?? undefined
  if (error !== undefined && !isError(error)) return invalid("error must have a code and a message")
  if (error === undefined && !Object.hasOwn(value, "result")) return invalid("neither method, result nor error")
  if (error !== undefined && Object.hasOwn(value, "result")) return invalid("both result and error")
  const id = value["id"] ?? null
  if (!isId(id) && (id !== null || error === undefined)) return invalid("id must be a string or a number")
  return Result.succeed<Message>({
    _tag: "Response",
    text,
    id: JsonText.at(text, ["id"]) ?? "null",
    error,
    result: error === undefined ? value["result"] : undefined
  })
}

const fromValue = (text: string, value: unknown): Result.Result<Message, Malformed> => {
  if (!Predicate.isReadonlyObject(value)) return invalid("not a JSON-RPC message")
  if (value["jsonrpc"] !== "2.0") return invalid("jsonrpc must be \"2.0\"")
  const method = value["method"]
  if (method === undefined) return fromAnswer(text, value)
  return Predicate.isString(method) ? fromCall(text, value, method) : invalid("method must be a string")
}

const fromBatch = (text: string, values: ReadonlyArray<unknown>): Result.Result<Batch, Malformed> => {
  if (values.length === 0) return invalid("a batch must not be empty")
  const messages: Array<Message> = []
  for (const [index, element] of JsonText.elements(text, []).entries()) {
    const message = fromValue(element, values[index])
    if (Result.isFailure(message)) return Result.fail(message.failure)
    messages.push(message.success)
  }
  return Result.succeed({ _tag: "Batch", text, messages })
}

const valueOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** An id is short, and so is all else that is read of a dense text. */
const maxRead = 1024

const readAt = (text: string, span: Span | undefined): unknown =>
  span === undefined || span.end - span.start > maxRead ? undefined : valueOf(text.slice(span.start, span.end))

/** A few of its members alone are looked at: an answer is passed on as it came, and anything else is refused. */
const unparsed = (text: string, max: number): Result.Result<Message, Malformed> => {
  const [id, result, method, error] = members(text, root(text), ["id", "result", "method", "error"]).values
  const hasError = error !== undefined && readAt(text, error) !== null
  if (!isId(readAt(text, id)) || id === undefined || result === undefined || method !== undefined || hasError) {
    return invalid(`more than ${max} values in one message`)
  }
  const names = ["isError", "resultType"]
  const spans = members(text, result, names).values
  const known = names.map((name, index) => [name, readAt(text, spans[index])] as const)
  return Result.succeed<Message>({
    _tag: "Response",
    text,
    id: text.slice(id.start, id.end),
    error: undefined,
    result: Object.fromEntries(known.filter(([, value]) => value !== undefined))
  })
}

/** Reads one message or a batch (JSON-RPC 2.0, sections 4 to 6); `params` that are `null` count as absent. */
export const parse = (text: string, max = maxValues): Result.Result<Message | Batch, Malformed> => {
  forgetOthers(text)
  const { dense, depth } = measure(text, max)
  if (dense) return unparsed(text, max)
  let value: unknown
  try {
    value = JsonValue.parse(text)
  } catch {
    // The parser's own message quotes the text, which may hold arguments.
    return Result.fail({ code: -32700, message: "not JSON" })
  }
  if (depth > maxDepth) return invalid(`nested deeper than ${maxDepth} levels`)
  return Array.isArray(value) ? fromBatch(text, value) : fromValue(text, value)
}

/** Whether two ids, as they stand in their texts, are one: `1` and `1.0`, `"a"` and `"\u0061"`. */
export const sameId = (one: string, other: string): boolean => one === other || JSON.parse(one) === JSON.parse(other)

/** Under which key a call reaches the relay, however often it is sent (BEHAVIOUR 5). */
import { Predicate } from "effect"
import { hash, randomUUID } from "node:crypto"
import { isArray, isObject, items, root, type Span } from "../../domain/JsonScan.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { BufferableCall } from "../Call.ts"

export interface IdempotencyKey {
  readonly key: string
  /** The caller chose it, it follows from the client's own call id, or nothing can ever name it again. */
  readonly origin: "caller" | "call id" | "minted"
  /** Empty of one that was minted: no other call has the same arguments and this key. */
  readonly argumentsHash: string
}

const callersKey = (call: BufferableCall): string | undefined => {
  const given = call.request.params["arguments"]
  const key = Predicate.hasProperty(given, "idempotencyKey") ? given.idempotencyKey : undefined
  return Predicate.isString(key) && key !== "" ? key : undefined
}

/** The client's own id of a call, under one of these names in its `_meta`: the same when the client makes it again. */
export const callIdIn = (
  params: Readonly<Record<string, unknown>>,
  names: ReadonlyArray<string>
): string | undefined => {
  const meta = params["_meta"]
  if (!Predicate.isReadonlyObject(meta)) return undefined
  for (const name of names) {
    const id = Object.hasOwn(meta, name) ? meta[name] : undefined
    if (Predicate.isString(id) && id !== "") return id
    if (Predicate.isNumber(id)) return String(id)
  }
  return undefined
}

/** Whether the key that the call gets is the same when it is made again. */
export const isNamed = (call: BufferableCall, callIds: ReadonlyArray<string>): boolean =>
  callersKey(call) !== undefined || callIdIn(call.request.params, callIds) !== undefined

/** `callIds` are the names in `_meta` under which clients keep their own call id; `uuid` serves where there is none. */
export const idempotencyKey = (call: BufferableCall, callIds: ReadonlyArray<string>, uuid: string): IdempotencyKey => {
  const callers = callersKey(call)
  const id = callers === undefined ? callIdIn(call.request.params, callIds) : undefined
  // Who names a minted key later does so in the arguments, which are others by that.
  if (callers === undefined && id === undefined) return { key: `holdfast-${uuid}`, origin: "minted", argumentsHash: "" }
  const argumentsHash = hashOfArguments(JsonText.at(call.request.text, ["params", "arguments"]) ?? "{}")
  if (callers !== undefined) return { key: callers, origin: "caller", argumentsHash }
  const digest = hash("sha256", JSON.stringify([call.session, call.tool, id, argumentsHash]))
  return { key: `holdfast-${digest.slice(0, 40)}`, origin: "call id", argumentsHash }
}

/**
 * A UUID of version 7 (RFC 9562): the time, then chance. Keys that are made one after the other stand beside each other
 * in the table's index, so that a commit of many rows writes few of its pages.
 */
export const orderedUuid = (now: number): string => {
  const time = now.toString(16).padStart(12, "0")
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

/**
 * Hexadecimal SHA-256 of a text that `JSON.parse` accepts. The order of members, spacing and escapes don't change it.
 *
 * Numbers count as they are written: `12345678901234567890` and `…891` are two, though they parse alike.
 */
export const hashOfArguments = (text: string): string => hash("sha256", canonical(text, root(text)))

const canonical = (text: string, span: Span): string => {
  if (isArray(text, span)) {
    return `[${items(text, span).map((item) => canonical(text, { start: item.value, end: item.end })).join(",")}]`
  }
  if (!isObject(text, span)) return canonicalScalar(text.slice(span.start, span.end))
  // As in `JSON.parse`, the last of a duplicated key counts.
  const members = new Map<string, string>()
  for (const item of items(text, span)) {
    members.set(
      canonicalScalar(text.slice(item.start, item.keyEnd)),
      canonical(text, { start: item.value, end: item.end })
    )
  }
  return `{${[...members].sort(([one], [other]) => one < other ? -1 : 1).map((pair) => pair.join(":")).join(",")}}`
}

/** Only a string that is escaped can be written in two ways. */
const canonicalScalar = (text: string): string =>
  text.startsWith("\"") && text.includes("\\") ? JSON.stringify(JSON.parse(text)) : text

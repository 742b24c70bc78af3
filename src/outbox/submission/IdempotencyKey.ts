/** Under which key a call reaches the relay, however often it is sent (BEHAVIOUR 5). */
import { Predicate } from "effect"
import { createHash } from "node:crypto"
import * as JsonText from "../../domain/JsonText.ts"
import type { BufferableCall } from "../Call.ts"
import { argumentsHash } from "./ArgumentsHash.ts"

export interface IdempotencyKey {
  readonly key: string
  /** The caller chose it, it follows from the client's own call id, or nothing can ever name it again. */
  readonly origin: "caller" | "call id" | "minted"
  readonly argumentsHash: string
}

const callersKey = (call: BufferableCall): string | undefined => {
  const given = call.request.params["arguments"]
  const key = Predicate.hasProperty(given, "idempotencyKey") ? given.idempotencyKey : undefined
  return Predicate.isString(key) && key !== "" ? key : undefined
}

const callId = (call: BufferableCall, names: ReadonlyArray<string>): string | undefined => {
  const meta = call.request.params["_meta"]
  if (!Predicate.isReadonlyObject(meta)) return undefined
  for (const name of names) {
    const id = Object.hasOwn(meta, name) ? meta[name] : undefined
    if (Predicate.isString(id) && id !== "") return id
    if (Predicate.isNumber(id)) return String(id)
  }
  return undefined
}

/** `callIds` are the names in `_meta` under which clients keep their own call id; `uuid` serves where there is none. */
export const idempotencyKey = (call: BufferableCall, callIds: ReadonlyArray<string>, uuid: string): IdempotencyKey => {
  const hash = argumentsHash(JsonText.at(call.request.text, ["params", "arguments"]) ?? "{}")
  const callers = callersKey(call)
  if (callers !== undefined) return { key: callers, origin: "caller", argumentsHash: hash }
  const id = callId(call, callIds)
  if (id === undefined) return { key: `holdfast-${uuid}`, origin: "minted", argumentsHash: hash }
  const digest = createHash("sha256").update(JSON.stringify([call.session, call.tool, id, hash])).digest("hex")
  return { key: `holdfast-${digest.slice(0, 40)}`, origin: "call id", argumentsHash: hash }
}

/**
 * The text that goes to the relay: the agent's request, with its key, under an id of the outbox's own.
 *
 * The id is unique, so that a replay is byte-identical and still never collides on a relay session that is shared.
 */
import { Predicate, Result } from "effect"
import * as JsonText from "../domain/JsonText.ts"
import * as Message from "../domain/Message.ts"
import type { BufferableCall, Wire } from "./Call.ts"

const hasKey = (call: BufferableCall): boolean => {
  const given = call.request.params["arguments"]
  return Predicate.hasProperty(given, "idempotencyKey") && Predicate.isNotNullish(given.idempotencyKey)
}

export const wireOf = (call: BufferableCall, key: string, uuid: string): Wire => {
  const id = JSON.stringify(`holdfast-${uuid}`)
  const quoted = JSON.stringify(key)
  let text = JsonText.set(call.request.text, ["id"], id)
  if (call.declaresKey && !hasKey(call)) text = JsonText.set(text, ["params", "arguments", "idempotencyKey"], quoted)
  text = JsonText.set(text, ["params", "_meta", "holdfast/idempotencyKey"], quoted)
  return { text, id, key }
}

/** The id of a wire, as it stands in its text. */
export const idOf = (text: string): string => JsonText.at(text, ["id"]) ?? "null"

/** The response to `id` in what the relay answered: alone, in a batch, or without an id where it refuses the whole. */
export const responseTo = (text: string, id: string): Message.Response | undefined => {
  const parsed = Message.parse(text)
  if (Result.isFailure(parsed)) return undefined
  const messages = parsed.success._tag === "Batch" ? parsed.success.messages : [parsed.success]
  const responses = messages.filter((message) => message._tag === "Response")
  return responses.find((response) => Message.sameId(response.id, id))
    ?? responses.find((response) => response.id === "null")
}

/** The relay's answer to a wire as an answer to the agent's request. */
export const restoreId = (answer: string, wireId: string, agentId: string): string =>
  // Nearly all answers are the response alone, and need no parsing.
  JsonText.set(idOf(answer) === wireId ? answer : responseTo(answer, wireId)?.text ?? answer, ["id"], agentId)

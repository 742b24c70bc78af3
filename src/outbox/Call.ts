/** A call that may be queued: as the agent makes it, as the relay gets it, and what the agent is answered. */
import { type Option, Predicate, Result, Schema } from "effect"
import type { AgentName, PrincipalId, SessionId } from "../domain/Ids.ts"
import * as JsonText from "../domain/JsonText.ts"
import * as Message from "../domain/Message.ts"
import type { Request } from "../domain/Message.ts"
import type { RelayFailure } from "../relay/RelayFailure.ts"

/** Where the outbox has put a call, filled in on its way. */
export interface CallPlace {
  key: string | undefined
  lane: string | undefined
  entry: number | undefined
}

export interface BufferableCall {
  readonly agent: AgentName
  readonly session: SessionId
  readonly principal: PrincipalId
  /** The agent's request as it came; the outbox splices key and id itself. */
  readonly request: Request
  /** Names it for `cancel`; its own id, without. */
  readonly asked?: string | undefined
  readonly tool: string
  /** Whether the tool's schema declares `idempotencyKey`. */
  readonly declaresKey: boolean
  readonly idempotentHint: boolean
  /** The context's epoch at the time of the call. */
  readonly epoch: Option.Option<number>
  readonly place?: CallPlace | undefined
}

/** What makes a call part of a conversation with the relay that a later delivery could not carry on. */
const conversational = ["requestState", "inputResponses", "task"]

/** Whether a call may ever be queued, whatever its tool. The caller keeps batches away by itself. */
export const mayBuffer = (request: Request): boolean =>
  request.method === "tools/call" && !conversational.some((name) => request.params[name] !== undefined)

/** What follows where a call was sent and its outcome stays unknown (BEHAVIOUR 5): sent again, or a dead letter. */
export type OnUnknown = "resend" | "dead"

/** The setting, else: sent again only where the relay declares that a repeat does no harm. */
export const onUnknownFor = (
  tool: Pick<BufferableCall, "declaresKey" | "idempotentHint">,
  setting: OnUnknown | undefined
): OnUnknown => setting ?? (tool.declaresKey || tool.idempotentHint ? "resend" : "dead")

/** What goes to the relay: the request with its key, under an id of the outbox's own. */
export interface Wire {
  readonly text: string
  readonly id: string
  readonly key: string
}

/** The relay's whole answer to a wire, and its HTTP status. */
export interface WireAnswer {
  readonly status: number
  readonly text: string
}

export type Submission =
  /** The relay's answer, with the agent's own id put back; `replayed` where it was remembered and not asked for anew. */
  | { readonly _tag: "Answered"; readonly status: number; readonly text: string; readonly replayed: boolean }
  /** On disk; the text of the acknowledgement's result. */
  | { readonly _tag: "Queued"; readonly result: string }
  /** Neither answered nor queued: the error that the agent gets. */
  | { readonly _tag: "Failed"; readonly failure: RelayFailure }

/** Nothing was accepted: full, too large, a reused key with other arguments, a disk that fails, the daemon's end. */
export class OutboxRefused extends Schema.TaggedError<OutboxRefused>()("OutboxRefused", {
  reason: Schema.Literals(["full", "too large", "key reused", "storage", "stopping"]),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

// The text that goes to the relay: the agent's request, with its key, under an id of the outbox's own. The id is
// unique, so that a replay is byte-identical and still never collides on a relay session that is shared.

const hasKey = (call: BufferableCall): boolean => {
  const given = call.request.params["arguments"]
  return Predicate.hasProperty(given, "idempotencyKey") && Predicate.isNotNullish(given.idempotencyKey)
}

export const wireOf = (call: BufferableCall, key: string, uuid: string): Wire => {
  const id = JSON.stringify(`holdfast-${uuid}`)
  const quoted = JSON.stringify(key)
  const changes: Array<JsonText.Change> = [
    { path: ["id"], value: id },
    { path: ["params", "_meta", "holdfast/idempotencyKey"], value: quoted }
  ]
  if (call.declaresKey && !hasKey(call)) {
    changes.push({ path: ["params", "arguments", "idempotencyKey"], value: quoted })
  }
  return { text: JsonText.setAll(call.request.text, changes), id, key }
}

/** The id of a message, as it stands in its text. */
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
export const restoreId = (answer: string, wireId: string, agentId: string): string => {
  const span = JsonText.spanAt(answer, ["id"])
  // Nearly all answers are the response alone, and need no parsing.
  if (span !== undefined && wireId.length === span.end - span.start && answer.startsWith(wireId, span.start)) {
    return answer.slice(0, span.start) + agentId + answer.slice(span.end)
  }
  return JsonText.set(responseTo(answer, wireId)?.text ?? answer, ["id"], agentId)
}

/** JSON-RPC batches, which only revision 2025-03-26 has: every part by itself, the answers as one array. */
import { Effect, Option } from "effect"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import type { Request } from "../domain/Message.ts"
import type { AnswerStream } from "./streams/AnswerStream.ts"

export interface Batched {
  readonly request: Request
  readonly answer: AnswerStream
}

/** The text of the array of responses, in the order of the requests. */
export const runBatch = (parts: ReadonlyArray<Batched>): Effect.Effect<string> =>
  Effect.map(Effect.forEach(parts, response, { concurrency: "unbounded" }), (texts) => `[${texts.join(",")}]`)

const response = Effect.fnUntraced(function*({ answer, request }: Batched) {
  const opening = yield* answer.opening
  if (opening._tag === "Json") {
    if (opening.body._tag === "Whole") return opening.body.text
    yield* answer.disconnect
    return unanswered(request)
  }
  // What came ahead of the answer has no place in an array; the last event is the answer.
  const reader = opening.log.reader(0)
  let last: string | undefined
  while (true) {
    const event = yield* reader.next
    if (Option.isNone(event)) return last ?? unanswered(request)
    if (event.value.data !== "") last = event.value.data
  }
})

const unanswered = (request: Request): string =>
  JsonRpcError.text(request.id, {
    code: JsonRpcError.codes.internal,
    message: "this answer does not fit into a batch; send the request by itself"
  })

import { Effect } from "effect"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import type { Request } from "../domain/Message.ts"
import { type Passage, refuse } from "./Forwarding.ts"

/** Every answer is settled: a defect of ours is a JSON-RPC error, a cancelled request ends its stream without an answer. */
export const settled = (
  request: Request,
  passage: Pick<Passage, "answer" | "noted">,
  answer: Effect.Effect<void>
): Effect.Effect<void> =>
  answer.pipe(
    Effect.catchDefect((defect) =>
      Effect.andThen(
        Effect.logError("a request failed in Holdfast itself", { method: request.method, defect }),
        refuse(passage, request, {
          code: JsonRpcError.codes.internal,
          message: "Holdfast failed on this request; its log says why. It may have been carried out."
        })
      )
    ),
    Effect.onInterrupt(() => passage.answer.abandon)
  )

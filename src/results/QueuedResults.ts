/**
 * Calls that were queued when their agent was gone: what becomes of them in the outbox is kept as their result, be it that
 * the process ended in between.
 */
import { Effect, Layer, Option, Stream } from "effect"
import { codes, text as errorText } from "../domain/JsonRpcError.ts"
import type { Entry } from "../outbox/Entry.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import { Results } from "./Results.ts"

export const layer = Layer.effectDiscard(Effect.gen(function*() {
  const outbox = yield* Outbox
  const results = yield* Results
  const { supervise } = yield* Supervisor

  const settled = ({ agent, key, reason, result, state }: Entry): Effect.Effect<void> => {
    if (state === "delivered") {
      const response = `{"jsonrpc":"2.0","id":null,"result":${Option.getOrElse(result, () => "{}")}}`
      return results.settled(agent, key, response, false)
    }
    // Dead letters are told in a way of their own.
    return state === "dead"
      ? results.settled(agent, key, failed(Option.getOrElse(reason, () => "no reason known")), true)
      : Effect.void
  }

  yield* Stream.runForEach(outbox.delivered, settled).pipe(supervise("queued-results"))
  yield* Stream.runForEach(outbox.deadLetters, settled).pipe(supervise("queued-results-dead"))
  // It may have been delivered before it was written down that its result is wanted.
  yield* results.nextQueued.pipe(
    Effect.flatMap(({ agent, key, tool }) =>
      Effect.flatMap(
        outbox.byKey(agent, tool, key),
        Option.match({ onNone: () => results.settled(agent, key, failed("it was discarded"), true), onSome: settled })
      )
    ),
    Effect.forever,
    supervise("queued-results-known")
  )
}))

const failed = (why: string): string =>
  errorText(null, { code: codes.outbox, message: `The call was queued and not delivered: ${why}` })

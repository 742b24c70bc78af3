/** Telling an agent, once, that an accepted call became a dead letter (BEHAVIOUR 5). */
import { Context, Effect, Layer } from "effect"
import type { AgentName } from "../domain/Ids.ts"
import * as JsonText from "../domain/JsonText.ts"
import { deadLetterNote } from "../outbox/Acknowledgement.ts"
import type { Entry } from "../outbox/Entry.ts"
import { Outbox } from "../outbox/Outbox.ts"

/** One for each relay. */
export class DeadLetters extends Context.Service<DeadLetters, {
  /**
   * The response with a text block more that names the dead letters not yet told of; as it was where there are none, or
   * where it has structuredContent, which is all that clients would show.
   */
  readonly tellWith: (agent: AgentName, response: string) => Effect.Effect<string>
}>()("holdfast/mcp/DeadLetters") {
  static readonly layer = Layer.effect(
    DeadLetters,
    Effect.gen(function*() {
      const outbox = yield* Outbox
      return DeadLetters.of({
        tellWith: Effect.fnUntraced(function*(agent, response) {
          const content = JsonText.at(response, ["result", "content"])
          if (content === undefined || JsonText.at(response, ["result", "structuredContent"]) !== undefined) {
            return response
          }
          const untold = yield* outbox.untold(agent)
          return untold.length === 0
            ? response
            : JsonText.set(response, ["result", "content"], blocksWith(content, untold))
        })
      })
    })
  )
}

const blocksWith = (content: string, untold: ReadonlyArray<Entry>): string => {
  const blocks = [...JsonText.elements(content, []), JSON.stringify({ type: "text", text: deadLetterNote(untold) })]
  return `[${blocks.join(",")}]`
}

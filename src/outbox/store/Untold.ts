/** Dead letters that an agent has yet to be told of (BEHAVIOUR 5, "Telling the agent"). */
import { Context, Effect, Layer } from "effect"
import { AgentName } from "../../domain/Ids.ts"
import type { Entry } from "../Entry.ts"
import { OutboxKeeping } from "./OutboxKeeping.ts"
import { Tally } from "./Tally.ts"

export class Untold extends Context.Service<Untold, {
  /** Told from now on. Costs nothing where there are none; where the disk fails they are told another time. */
  readonly take: (agent: string) => Effect.Effect<ReadonlyArray<Entry>>
}>()("holdfast/outbox/Untold") {
  static readonly layerNoDeps = Layer.effect(
    Untold,
    Effect.gen(function*() {
      const tally = yield* Tally
      const keeping = yield* OutboxKeeping
      return Untold.of({
        take: (agent) =>
          Effect.suspend(() =>
            tally.untold(agent) === 0
              ? Effect.succeed([])
              : Effect.orElseSucceed(keeping.tell(AgentName.make(agent)), () => [])
          )
      })
    })
  )
}

/** How relays are let go of, one that went from the configuration or all at the end (BEHAVIOUR 8). */
import { Context, Effect, Layer } from "effect"
import { Endpoint } from "../mcp/http/Endpoint.ts"
import { AgentSessions } from "../mcp/sessions/AgentSessions.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { RelayServices } from "./Relays.ts"
import { ServedRelays } from "./ServedRelays.ts"

/** What is accepted is on disk and answered, then what streams end tells their clients to come back. */
export const shutdown = Effect.fnUntraced(function*(relays: ReadonlyArray<RelayServices>) {
  const timeout = "5 seconds"
  yield* Effect.forEach(relays, (relay) => Context.get(relay, Outbox).drain, { concurrency: "unbounded" })
  yield* Effect.forEach(relays, (relay) => Context.get(relay, AgentSessions).idle, { concurrency: "unbounded" })
    .pipe(Effect.timeoutOption(timeout))
  yield* Effect.forEach(relays, (relay) => Context.get(relay, AgentSessions).endListening, { concurrency: "unbounded" })
})

/** Two stages: no relay is asked for anything new, then streams end. */
export const stopping = Layer.effectDiscard(Effect.gen(function*() {
  const endpoint = yield* Endpoint
  const { list } = yield* ServedRelays
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      yield* endpoint.stopAccepting
      yield* Effect.flatMap(list, shutdown)
      yield* endpoint.closeStreams
    })
  )
}))

/** Kills the daemon before a call is sent, or when its answer has come and nothing was done about it yet. */
import { Effect, Layer, Option } from "effect"
import { type Attempt, type RelayAnswer, RelayTransport } from "../../../src/relay/transport/RelayTransport.ts"
import type { Snare } from "./Snare.ts"

/** A live call carries what its agent sent along; a delivery has nothing but its key. */
const wayOf = ({ headers = {} }: Attempt): "live" | "delivery" | undefined => {
  if (!("idempotency-key" in headers)) return undefined
  return "user-agent" in headers ? "live" : "delivery"
}

const watching = (answer: RelayAnswer, answered: Effect.Effect<void>): RelayAnswer => {
  switch (answer.body._tag) {
    case "Empty":
      return answer
    case "Json":
      return { ...answer, body: { _tag: "Json", chunks: Effect.tap(answer.body.chunks, () => answered) } }
    case "Sse":
      return {
        ...answer,
        body: {
          _tag: "Sse",
          events: Effect.tap(
            answer.body.events,
            (event) => Option.exists(event, ({ data }) => data.includes("\"result\"")) ? answered : Effect.void
          )
        }
      }
  }
}

export const transportKilledBy = (snare: Snare) =>
  Layer.effect(
    RelayTransport,
    Effect.map(RelayTransport, (own) =>
      RelayTransport.of({
        send: (attempt) => {
          const way = wayOf(attempt)
          if (way === undefined) return own.send(attempt)
          const answered = Effect.sync(() => snare.reach(`${way}, answered`))
          return Effect.suspend(() => {
            snare.reach(`${way}, before it is sent`)
            return Effect.map(own.send(attempt), (answer) => watching(answer, answered))
          })
        }
      }))
  ).pipe(Layer.provide(RelayTransport.layer))

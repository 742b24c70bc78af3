/** Kills the daemon before a call is sent, or when its answer has come and nothing was done about it yet. */
import { Effect, Layer } from "effect"
import type { Incoming, IncomingBytes } from "../../../src/relay/transport/Incoming.ts"
import { type Attempt, type RelayAnswer, RelayTransport } from "../../../src/relay/transport/RelayTransport.ts"
import type { KillPoint } from "./KillPoint.ts"

/** A live call carries what its agent sent along; a delivery has nothing but its key. */
const wayOf = ({ headers = {} }: Attempt): "live" | "delivery" | undefined => {
  if (!("idempotency-key" in headers)) return undefined
  return "user-agent" in headers ? "live" : "delivery"
}

/** Calls `onItem` with each item before its reader sees it. */
const peeked = <A>(incoming: Incoming<A>, onItem: (item: A) => void): Incoming<A> => ({
  until: (read) =>
    incoming.until((item) => {
      onItem(item)
      return read(item)
    })
})

const peekedBytes = (chunks: IncomingBytes, answered: () => void): IncomingBytes => ({
  get hasArrived() {
    return chunks.hasArrived
  },
  until: peeked(chunks, answered).until
})

const watching = (answer: RelayAnswer, answered: () => void): RelayAnswer => {
  switch (answer.body._tag) {
    case "Empty":
      return answer
    case "Json":
      return { ...answer, body: { _tag: "Json", chunks: peekedBytes(answer.body.chunks, answered) } }
    case "Sse":
      return {
        ...answer,
        body: {
          _tag: "Sse",
          events: peeked(answer.body.events, ({ data }) => data.includes("\"result\"") && answered())
        }
      }
  }
}

export const transportKilledBy = (killPoint: KillPoint) =>
  Layer.effect(
    RelayTransport,
    Effect.map(RelayTransport, (own) =>
      RelayTransport.of({
        send: (attempt) => {
          const way = wayOf(attempt)
          if (way === undefined) return own.send(attempt)
          const answered = () => killPoint.reach(`${way}, answered`)
          return Effect.suspend(() => {
            killPoint.reach(`${way}, before it is sent`)
            return Effect.map(own.send(attempt), (answer) => watching(answer, answered))
          })
        }
      }))
  ).pipe(Layer.provide(RelayTransport.layer))

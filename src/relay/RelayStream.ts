/** The relay's own stream to a session (GET; MCP 2025-11-25, transports, listening for messages). */
import { Effect } from "effect"
import { NoStream, RelayFailure, SessionLost } from "./RelayFailure.ts"
import type { Attempt, RelayTransport } from "./transport/RelayTransport.ts"

/** One attempt. A relay that still holds a stream on this session, from before a crash of ours, lost the session. */
export const relayStream = Effect.fnUntraced(function*(
  transport: RelayTransport["Service"],
  attempt: Omit<Attempt, "method" | "body">
) {
  const { body, ...head } = yield* Effect.catchReason(
    transport.send({ ...attempt, method: "GET" }),
    "RelayFailure",
    "NotJsonRpc",
    (reason, failure) => Effect.fail(reason.status === 409 ? held() : failure)
  )
  if (head.status === 409) return yield* held()
  if (body._tag === "Sse") return { ...head, events: body.events }
  return yield* new RelayFailure({ reason: new NoStream({ status: head.status }) })
})

const held = (): RelayFailure => new RelayFailure({ reason: new SessionLost({ status: 409 }) })

/**
 * The relay's own stream to a session: a GET in the legacy era (MCP 2025-11-25, transports, listening for messages),
 * `subscriptions/listen` in the modern one (MCP 2026-07-28, subscriptions). One attempt each.
 */
import { Effect, Result } from "effect"
import * as Envelope from "../domain/Envelope.ts"
import * as JsonText from "../domain/JsonText.ts"
import * as McpHeaders from "../domain/McpHeaders.ts"
import * as Message from "../domain/Message.ts"
import type { SseEvent } from "../domain/SseEvent.ts"
import type { OpenRelaySession } from "./handshake/OpenRelaySession.ts"
import { NoStream, RelayFailure, SessionLost } from "./RelayFailure.ts"
import type { Incoming } from "./transport/Incoming.ts"
import type { Attempt, RelayTransport } from "./transport/RelayTransport.ts"

/** By GET. A relay that still holds a stream on this session, from before a crash of ours, lost the session. */
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

const method = "subscriptions/listen"
let listens = 0

/**
 * By `subscriptions/listen`, until the relay answers that. A relay that answers with anything but a stream has none to
 * give. The notifications come without the stamp of this subscription, which is ours alone.
 */
export const listened = Effect.fnUntraced(function*(
  transport: RelayTransport["Service"],
  attempt: Omit<Attempt, "method" | "body" | "lastEventId">,
  { envelope, resources, tasks }: NonNullable<OpenRelaySession["modern"]>
) {
  const id = `"holdfast-listen-${++listens}"`
  const uris = resources.length === 0 ? "" : `,"resourceSubscriptions":[${resources.join(",")}]`
  const ids = tasks.length === 0 ? "" : `,"taskIds":${JSON.stringify(tasks)}`
  const filter = `{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true${uris}${ids}}`
  const text = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"notifications":${filter}}}`
  const { body, ...head } = yield* transport.send({
    ...attempt,
    lastEventId: undefined,
    method: "POST",
    headers: McpHeaders.standard(method, {}),
    body: Envelope.put(text, envelope)
  })
  if (body._tag === "Sse") return { ...head, events: notifications(body.events) }
  return yield* new RelayFailure({ reason: new NoStream({ status: head.status }) })
})

const notifications = (events: Incoming<SseEvent>): Incoming<SseEvent> => ({
  until: (onEvent) =>
    events.until((event) => {
      const { data } = event
      if (data === "") return onEvent(event)
      const message = Result.getOrUndefined(Message.parse(data))
      if (message?._tag === "Response") return Effect.succeedNone
      // Whoever listens says what it makes of anything else.
      if (message?._tag !== "Notification") return onEvent(event)
      if (message.method === "notifications/subscriptions/acknowledged") return undefined
      return onEvent({ ...event, data: JsonText.remove(data, ["params", "_meta", Envelope.subscriptionId]) })
    })
})

import { Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Inbox } from "../inbox/Inbox.ts"
import type { InboxRefused } from "../inbox/InboxMessage.ts"
import { AdminApi } from "./AdminApi.ts"
import { BadRequest, Conflict, NotFound, Unavailable } from "./AdminErrors.ts"
import { inboxMessageDetail, inboxMessageView } from "./InboxView.ts"
import * as Lookup from "./Lookup.ts"

const defaultLimit = 100

const unavailable = Effect.mapError(({ message }: InboxRefused) => new Unavailable({ message }))

const refused = ({ message, reason }: InboxRefused) => {
  switch (reason) {
    case "not valid":
    case "too large":
      return new BadRequest({ message })
    case "full":
    case "id in use":
      return new Conflict({ message })
    case "disk":
      return new Unavailable({ message })
  }
}

export const layerNoDeps = HttpApiBuilder.group(
  AdminApi,
  "inbox",
  Effect.fn(function*(handlers) {
    const lookup = yield* Lookup.make
    const inbox = yield* Inbox
    return handlers.handleAll({
      send: Effect.fnUntraced(function*({ payload }) {
        const agent = yield* lookup.agent(payload.agent)
        const { isDouble, message } = yield* Effect.mapError(inbox.receive({ ...payload, agent }), refused)
        return { ...inboxMessageView(message), isDouble }
      }),
      list: Effect.fnUntraced(function*({ query: { after, agent, limit = defaultLimit, unread } }) {
        if (agent !== undefined) yield* lookup.agentOrLeaving(agent)
        const found = yield* unavailable(inbox.list({ agent, after, unread: unread === "true", limit: limit + 1 }))
        const messages = found.slice(0, limit).map(inboxMessageView)
        return { messages, next: found.length > limit ? messages.at(-1)?.seq ?? null : null }
      }),
      read: Effect.fnUntraced(function*({ payload: { id } }) {
        const found = yield* unavailable(inbox.read(id))
        if (Option.isSome(found)) return inboxMessageDetail(found.value)
        return yield* new NotFound({ message: `no message has the id "${id}"; "holdfast inbox list" lists them` })
      })
    })
  })
)

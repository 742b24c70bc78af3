/** What the daemon says of its own accord: opened again whenever it ends, since the client asked for it for good. */
import { Effect, Result } from "effect"
import * as JsonText from "../../domain/JsonText.ts"
import type * as Message from "../../domain/Message.ts"
import { isAnswer, isStopping } from "./BridgeRequest.ts"
import type { BridgeSession } from "./BridgeSession.ts"
import { events } from "./DaemonLeg.ts"

const beforeNext = "250 millis"
const acknowledgement = `"notifications/subscriptions/acknowledged"`

/** The session's own stream, behind what was seen of it. */
export const ownStream = Effect.fnUntraced(function*(session: BridgeSession) {
  let last = ""
  while (true) {
    const headers = () => ({ ...session.headers, ...(last === "" ? {} : { "last-event-id": last }) })
    const answer = yield* Effect.result(Effect.suspend(() => session.send("GET", headers())))
    if (Result.isSuccess(answer) && answer.success.isStream) {
      yield* events(answer.success.body, ({ data, event, id }) => {
        if (id !== undefined && id !== "") last = id
        const isMessage = data !== "" && (event === undefined || event === "message")
        return Effect.as(isMessage ? session.line(data) : Effect.void, true)
      })
    }
    yield* Effect.sleep(beforeNext)
  }
})

/** A subscription of the modern era; it is acknowledged to the client once. Returns where the daemon refuses it. */
export const subscription = Effect.fnUntraced(
  function*(session: BridgeSession, { id, text }: Message.Request, headers: Readonly<Record<string, string>>) {
    let acknowledged = false
    while (true) {
      const answer = yield* Effect.result(session.send("POST", headers, text))
      if (Result.isSuccess(answer) && answer.success.isStream) {
        yield* events(answer.success.body, ({ data }) => {
          if (data === "" || isAnswer(data, id)) return Effect.succeed(data === "")
          const again = acknowledged && JsonText.at(data, ["method"]) === acknowledgement
          acknowledged = true
          return Effect.as(again ? Effect.void : session.line(data), true)
        })
      } else if (Result.isSuccess(answer) && answer.success.status < 500) {
        const body = yield* Effect.orElseSucceed(answer.success.text, () => "")
        if (!isStopping(body)) return yield* session.line(body)
      }
      yield* Effect.sleep(beforeNext)
    }
  }
)

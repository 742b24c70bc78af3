/** A daemon that is watched by a plain client: what calls are told, and whether it says that it is well. */
import { Effect } from "effect"
import { get } from "node:http"
import { type Door, opened, post } from "../system/crash/Client.ts"
import { eventually } from "./eventually.ts"
import type { TestRelay } from "./relay/TestRelay.ts"

let ids = 1_000

export const probeClient = Effect.fnUntraced(function*(door: Omit<Door, "session">, relay: TestRelay) {
  const inside = yield* opened(door, "probe")
  const call = (name: string, args: object, meta?: object) =>
    Effect.map(
      post(inside, {
        id: ++ids,
        method: "tools/call",
        params: { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }
      }),
      ({ text }) => text
    )
  const readyz = Effect.callback<string>((resume) => {
    get({ host: "127.0.0.1", port: door.port, path: "/readyz", agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => text += chunk)
        .on("end", () => resume(Effect.succeed(`${response.statusCode} ${text.trim()}`)))
    }).on("error", (error) => resume(Effect.succeed(error.message)))
  })
  return {
    call,
    send: (text: string, to = "b", meta?: object) => call("relay_send_message", { to, text }, meta),
    readyz,
    /** Done once it says of itself what satisfies. */
    says: (pattern: RegExp, unlike?: RegExp) =>
      eventually(`readiness like ${pattern}`, readyz, (said) => pattern.test(said) && !unlike?.test(said)),
    /** The texts in the relay's ledger, once there are so many. */
    ledger: (count: number) =>
      eventually(
        "the ledger",
        Effect.map(relay.ledger, (entries) => entries.map((entry) => String(entry.arguments["text"]))),
        (texts) => texts.length >= count
      )
  }
})

export const isQueued = (text: string): boolean => text.includes("\"queued\":true")

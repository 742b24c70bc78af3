/**
 * MCP over lines of standard input and output, by way of the daemon (MCP, transports, stdio): for clients that speak
 * nothing else.
 *
 * Messages pass as they come. The session, its stream and the subscriptions of the modern era outlive restarts of the
 * daemon unseen.
 */
import { Effect, FiberMap, FiberSet, Result } from "effect"
import * as Envelope from "../../domain/Envelope.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as McpHeaders from "../../domain/McpHeaders.ts"
import * as Message from "../../domain/Message.ts"
import { bridgeBatch, bridgeRequest } from "./BridgeRequest.ts"
import { type BridgeOptions, BridgeSession, taken } from "./BridgeSession.ts"
import { ownStream, subscription } from "./BridgeStreams.ts"

export const bridge = Effect.fnUntraced(function*(options: BridgeOptions) {
  const session = new BridgeSession(options)
  const requests = yield* FiberMap.make<string>()
  const streams = yield* FiberMap.make<string>()
  const work = yield* FiberSet.make()
  const onSession = Effect.suspend(() => Effect.asVoid(FiberMap.run(streams, "session", ownStream(session))))

  /** Of one id however it is written. */
  const key = (id: string) => JSON.stringify(JSON.parse(id))

  const request = Effect.fnUntraced(function*(message: Message.Request) {
    const mirrored = modernHeaders(message, session)
    if (mirrored === undefined) {
      const opens = message.method === "initialize"
      const headers = opens ? () => session.base : () => session.headers
      const run = bridgeRequest(session, message, { headers, modern: false, onSession })
      // What follows is said in the session that this one opens.
      yield* opens ? run : FiberMap.run(requests, key(message.id), run)
      return
    }
    const headers = { ...session.base, ...mirrored }
    yield* message.method === "subscriptions/listen"
      ? FiberMap.run(streams, key(message.id), subscription(session, message, headers))
      : FiberMap.run(
        requests,
        key(message.id),
        bridgeRequest(session, message, { headers: () => headers, modern: true, onSession })
      )
  })

  /** Without sessions, what cancels is closing the response. */
  const cancelled = Effect.fnUntraced(function*(text: string) {
    const id = JsonText.at(text, ["params", "requestId"])
    if (id === undefined) return
    yield* FiberMap.remove(requests, key(id))
    yield* FiberMap.remove(streams, key(id))
  })

  const received = Effect.fnUntraced(function*(text: string) {
    const parsed = Message.parse(text)
    if (Result.isFailure(parsed)) return yield* session.line(JsonRpcError.text(null, parsed.failure))
    const message = parsed.success
    if (message._tag === "Request") return yield* request(message)
    if (
      message._tag === "Notification" && message.method === "notifications/cancelled" && session.id === undefined
    ) return yield* cancelled(text)
    yield* FiberSet.run(
      work,
      message._tag === "Batch"
        ? bridgeBatch(session, message)
        : Effect.ignore(
          Effect.flatMap(
            taken(Effect.suspend(() => session.send("POST", session.headers, text)), false),
            (answer) => answer.text
          )
        )
    )
  })

  return {
    received,
    /** Once no request waits for its answer, and what was only to be said has been said. */
    settled: Effect.andThen(FiberMap.awaitEmpty(requests), FiberSet.awaitEmpty(work)),
    /** The client is gone. */
    end: Effect.suspend(() =>
      session.id === undefined ? Effect.void : Effect.ignore(session.send("DELETE", session.headers))
    )
  }
})

const modernHeaders = (
  { method, params }: Message.Request,
  session: BridgeSession
): Readonly<Record<string, string>> | undefined => {
  const revision = Envelope.revision(params)
  return revision === undefined
    ? undefined
    : {
      "mcp-protocol-version": revision,
      ...McpHeaders.standard(method, params),
      ...(method === "tools/call" ? session.params.of(params) : {})
    }
}

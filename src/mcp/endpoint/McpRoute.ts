/** `/mcp` and `/mcp/<name>`: from a Node request to the gateway of one relay, and its reply back (BEHAVIOUR 1). */
import { Effect, Option, Result } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Agents } from "../../agents/Agents.ts"
import { bytes, Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import * as Message from "../../domain/Message.ts"
import * as ProtocolVersion from "../../domain/ProtocolVersion.ts"
import * as SseEvent from "../../domain/SseEvent.ts"
import type { Gateway } from "../Gateway.ts"
import { writeAnswer } from "./AnswerWriter.ts"
import { eraOfPost } from "./EraOfRequest.ts"
import * as HttpReply from "./HttpReply.ts"
import { accepts, isJson } from "./MediaType.ts"
import { OpenStreams } from "./OpenStreams.ts"
import { passedToRelay } from "./PassedHeaders.ts"
import { methodNotAllowed, Refusal, refusal } from "./Refusal.ts"
import { readBody } from "./RequestBody.ts"
import * as RequestSpan from "./RequestSpan.ts"
import { writeEvents } from "./SseWriter.ts"

type Relay = Gateway["Service"]

const bearer = /^Bearer +([^\s]+) *$/i

/** A header that Node joins or that was sent once; never a list. */
const header = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return typeof value === "string" ? value : undefined
}

/** UnsupportedProtocolVersion (MCP 2026-07-28). */
const unsupportedVersion = -32022

const stopping = {
  code: codes.stopping,
  message: "Holdfast is stopping and takes no new requests; send this one again once it is back"
}

export const make = Effect.fnUntraced(function*(open: OpenStreams) {
  const agents = yield* Agents
  const { listen, streams } = yield* Settings
  const maxBody = bytes(listen.maxBody)
  const span = yield* RequestSpan.make

  const authenticate = Effect.fnUntraced(function*(request: IncomingMessage) {
    const secret = bearer.exec(request.headers.authorization ?? "")?.[1]
    const agent = secret === undefined ? Option.none<AgentName>() : yield* agents.authenticate(secret)
    if (Option.isSome(agent)) return agent.value
    return yield* refusal(
      401,
      secret === undefined
        ? "no secret: send the agent's as Authorization: Bearer"
        : "no agent has this secret; it is in the file agent-secret of Holdfast's data directory",
      { code: codes.secret, headers: { "www-authenticate": "Bearer" } }
    )
  })

  const checkVersion = (request: IncomingMessage, id: string | null) => {
    const requested = header(request, "mcp-protocol-version")
    if (requested === undefined || ProtocolVersion.isSupported(requested)) return Effect.succeed(requested)
    const supported = ProtocolVersion.supportedVersions
    return Effect.fail(
      refusal(
        400,
        `MCP-Protocol-Version ${JSON.stringify(requested)} is not supported; use one of ${supported.join(", ")}`,
        { code: unsupportedVersion, id, data: { supported, requested } }
      )
    )
  }

  const readMessage = Effect.fnUntraced(function*(request: IncomingMessage) {
    if (!isJson(request.headers["content-type"])) {
      return yield* refusal(415, "Content-Type must be application/json, in UTF-8")
    }
    if (request.headers["content-encoding"] !== undefined) {
      return yield* refusal(415, "Content-Encoding is not supported; send the body as it is")
    }
    const parsed = Message.parse(yield* readBody(request, maxBody))
    if (Result.isSuccess(parsed)) return parsed.success
    return yield* refusal(400, parsed.failure.message, { code: parsed.failure.code })
  })

  const post = Effect.fnUntraced(function*(relay: Relay, request: IncomingMessage, response: ServerResponse) {
    const agent = yield* authenticate(request)
    const { accept } = request.headers
    if (!accepts(accept, "application/json") || !accepts(accept, "text/event-stream")) {
      return yield* refusal(406, "Accept must allow both application/json and text/event-stream")
    }
    const message = yield* readMessage(request)
    // While the body was on its way the agent may have been removed, and its name be somebody else's by now.
    yield* authenticate(request)
    const id = message._tag === "Request" ? message.id : null
    const era = eraOfPost(message, request.headers)
    if (era instanceof Refusal) return yield* era
    const protocolVersion = era === "legacy" ? yield* checkVersion(request, id) : undefined
    if (open.stopping) {
      const refused = refusedWhenStopping(message)
      if (refused !== undefined) return yield* HttpReply.whole(response, 200, refused)
    }
    const session = header(request, "mcp-session-id")
    const headers = passedToRelay(request.headers)
    return yield* span(message, { agent, headers: request.headers })(Effect.gen(function*() {
      // A client that goes away must not cut the acceptance of its message in half.
      const reply = yield* Effect.uninterruptible(
        relay.post({ agent, session, message, headers, era, protocolVersion })
      )
      switch (reply._tag) {
        case "Accepted":
          return yield* HttpReply.empty(response, 202)
        case "Said":
          return yield* HttpReply.whole(response, reply.status, reply.text, reply.headers)
        case "UnderWay":
          return yield* writeAnswer(response, reply.answer, id, { open, streams })
      }
    }))
  })

  const get = Effect.fnUntraced(function*(relay: Relay, request: IncomingMessage, response: ServerResponse) {
    const agent = yield* authenticate(request)
    if (!accepts(request.headers.accept, "text/event-stream")) {
      return yield* refusal(406, "Accept must allow text/event-stream")
    }
    yield* checkVersion(request, null)
    if (open.stopping) {
      yield* HttpReply.eventStream(response)
      return yield* OpenStreams.farewell(response)
    }
    yield* Effect.acquireUseRelease(
      relay.stream({
        agent,
        session: header(request, "mcp-session-id"),
        lastEventId: header(request, "last-event-id")
      }),
      Effect.fnUntraced(function*(reply) {
        if (reply._tag === "Said") return yield* HttpReply.whole(response, reply.status, reply.text)
        const reader = reply.log.reader(reply.after)
        yield* open.during(
          response,
          Effect.gen(function*() {
            const sink = yield* HttpReply.eventStream(response)
            yield* sink.write(SseEvent.comment("connected"))
            yield* writeEvents(reader, sink, streams.comment)
          })
        )
      }),
      (reply) => reply._tag === "Open" ? relay.closed(reply.log) : Effect.void
    )
  })

  const end = Effect.fnUntraced(function*(relay: Relay, request: IncomingMessage, response: ServerResponse) {
    const agent = yield* authenticate(request)
    yield* checkVersion(request, null)
    const session = header(request, "mcp-session-id")
    if (session === undefined) {
      return yield* refusal(400, "the header Mcp-Session-Id is missing; it names the session to end")
    }
    if (yield* relay.end(agent, session)) return yield* HttpReply.empty(response, 200)
    return yield* refusal(404, "there is no such session; it has ended already, or was never this agent's", {
      code: codes.session
    })
  })

  return (relay: Relay, request: IncomingMessage, response: ServerResponse) => {
    switch (request.method) {
      case "POST":
        return post(relay, request, response)
      case "GET":
        return get(relay, request, response)
      case "DELETE":
        return end(relay, request, response)
      default:
        return Effect.fail(methodNotAllowed(request.method, "GET, POST, DELETE"))
    }
  }
})

/** Only what begins something new is refused; answers and cancellations still reach what runs. */
const refusedWhenStopping = (message: Message.Message | Message.Batch): string | undefined => {
  if (message._tag === "Request") return errorText(message.id, stopping)
  if (message._tag !== "Batch") return undefined
  const refused = message.messages.flatMap((part) => part._tag === "Request" ? [errorText(part.id, stopping)] : [])
  return refused.length === 0 ? undefined : `[${refused.join(",")}]`
}

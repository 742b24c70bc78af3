/**
 * `/mcp` and `/mcp/<name>`: from a Node request to the gateway of one relay (BEHAVIOUR 1). Plain functions, since each
 * request comes by here; whatever is refused is a JSON-RPC error that names what was wrong and the way out.
 */
import { Effect, Result } from "effect"
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { type Access, Agents } from "../../agents/Agents.ts"
import { bytes, Settings } from "../../config/Settings.ts"
import { codes, text as errorText } from "../../domain/JsonRpcError.ts"
import * as Message from "../../domain/Message.ts"
import * as ProtocolVersion from "../../domain/ProtocolVersion.ts"
import type { Gateway } from "../Gateway.ts"
import type { Connection } from "../streams/Connection.ts"
import { comeBack } from "../streams/OpenStreams.ts"
import { passedToRelay } from "../streams/PassedHeaders.ts"
import { eraOfPost, header } from "./EraOfRequest.ts"
import { Refusal, refusal, refuse } from "./Refusal.ts"
import { accepts, type Body, isJson, readBody } from "./RequestBody.ts"

type Relay = Gateway["Service"]

const bearer = /^Bearer +([^\s]+) *$/i

const stopping = {
  code: codes.stopping,
  message: "Holdfast is stopping and takes no new requests; send this one again once it is back"
}

export interface McpRoute {
  readonly post: (relay: Relay, request: IncomingMessage, connection: Connection) => void
  readonly get: (relay: Relay, request: IncomingMessage, connection: Connection) => void
  readonly end: (relay: Relay, request: IncomingMessage, connection: Connection) => Effect.Effect<void>
}

export const make = Effect.fnUntraced(function*({ isStopping, safely }: {
  readonly isStopping: () => boolean
  /** Runs what is called back; a defect in it is answered on the connection. */
  readonly safely: (connection: Connection, work: () => void) => void
}) {
  const agents = yield* Agents
  const maxBody = bytes((yield* Settings).listen.maxBody)

  /** What each open connection showed last: its next request shows the same, and need not be hashed again. */
  const shown = new WeakMap<Socket, { readonly authorization: string | undefined; readonly access: Access }>()

  const authenticate = (request: IncomingMessage): Access | Refusal => {
    const { authorization } = request.headers
    const last = shown.get(request.socket)
    if (last !== undefined && last.authorization === authorization && last.access.isValid()) return last.access
    const access = authenticated(request)
    if (!(access instanceof Refusal)) shown.set(request.socket, { authorization, access })
    return access
  }

  const authenticated = (request: IncomingMessage): Access | Refusal => {
    const secret = bearer.exec(request.headers.authorization ?? "")?.[1]
    const access = secret === undefined ? undefined : agents.authenticate(secret)
    return access ?? unauthorized(secret !== undefined)
  }

  const receive = (relay: Relay, request: IncomingMessage, access: Access, body: Body, connection: Connection) => {
    // While the body was on its way the agent may have been removed, and its name be somebody else's by now.
    if (!access.isValid()) return refuse(connection, unauthorized(true))
    const parsed = Message.parse(body.text)
    if (Result.isFailure(parsed)) {
      return refuse(connection, refusal(400, parsed.failure.message, { code: parsed.failure.code }))
    }
    const message = parsed.success
    const era = eraOfPost(message, request.headers)
    if (era instanceof Refusal) return refuse(connection, era)
    const version = era === "legacy" ? checkVersion(request, Message.requestId(message)) : undefined
    if (version !== undefined) return refuse(connection, version)
    const refused = isStopping() ? refusedWhenStopping(message) : undefined
    if (refused !== undefined) return connection.reply(200, refused)
    relay.post({
      agent: access.agent,
      run: access.run,
      session: header(request.headers, "mcp-session-id"),
      message: message._tag === "Request" && body.bytes !== undefined ? { ...message, bytes: body.bytes } : message,
      headers: passedToRelay(request.headers),
      era
    }, connection)
  }

  const route: McpRoute = {
    post: (relay, request, connection) => {
      const access = authenticate(request)
      if (access instanceof Refusal) return refuse(connection, access)
      const unfit = unfitPost(request)
      if (unfit !== undefined) return refuse(connection, unfit)
      readBody(request, maxBody, (body) => {
        if (body instanceof Refusal) return refuse(connection, body)
        safely(connection, () => receive(relay, request, access, body, connection))
      })
    },

    get: (relay, request, connection) => {
      const access = authenticate(request)
      if (access instanceof Refusal) return refuse(connection, access)
      if (!accepts(request.headers.accept, "text/event-stream")) {
        return refuse(connection, refusal(406, "Accept must allow text/event-stream"))
      }
      const version = checkVersion(request, null)
      if (version !== undefined) return refuse(connection, version)
      if (isStopping()) {
        connection.beginEvents()
        return connection.end(comeBack)
      }
      const lastEventId = header(request.headers, "last-event-id")
      relay.openStream(
        { agent: access.agent, session: header(request.headers, "mcp-session-id"), lastEventId },
        connection
      )
    },

    end: (relay, request, connection) => {
      const access = authenticate(request)
      if (access instanceof Refusal) return Effect.sync(() => refuse(connection, access))
      const session = header(request.headers, "mcp-session-id")
      const unfit = checkVersion(request, null) ?? (session === undefined
        ? refusal(400, "the header Mcp-Session-Id is missing; it names the session to end")
        : undefined)
      if (unfit !== undefined || session === undefined) return Effect.sync(() => unfit && refuse(connection, unfit))
      return Effect.map(
        relay.end(access.agent, session),
        (ended) => ended ? connection.replyEmpty(200) : refuse(connection, noSuchSession())
      )
    }
  }
  return route
})

const unauthorized = (shown: boolean): Refusal =>
  refusal(
    401,
    shown
      ? "no agent has this secret; it is in the file agent-secret of Holdfast's data directory"
      : "no secret: send the agent's as Authorization: Bearer",
    { code: codes.secret, headers: { "www-authenticate": "Bearer" } }
  )

/** Why the head of a POST is refused, or `undefined`. */
const unfitPost = ({ headers }: IncomingMessage): Refusal | undefined => {
  if (!accepts(headers.accept, "application/json") || !accepts(headers.accept, "text/event-stream")) {
    return refusal(406, "Accept must allow both application/json and text/event-stream")
  }
  if (!isJson(headers["content-type"])) return refusal(415, "Content-Type must be application/json, in UTF-8")
  return headers["content-encoding"] === undefined
    ? undefined
    : refusal(415, "Content-Encoding is not supported; send the body as it is")
}

const checkVersion = (request: IncomingMessage, id: string | null): Refusal | undefined => {
  const requested = header(request.headers, "mcp-protocol-version")
  if (requested === undefined || ProtocolVersion.isSupported(requested)) return undefined
  const supported = ProtocolVersion.supportedVersions
  return refusal(
    400,
    `MCP-Protocol-Version ${JSON.stringify(requested)} is not supported; use one of ${supported.join(", ")}`,
    { code: codes.unsupportedVersion, id, data: { supported, requested } }
  )
}

const noSuchSession = (): Refusal =>
  refusal(404, "there is no such session; it has ended already, or was never this agent's", { code: codes.session })

/** Only what begins something new is refused; answers and cancellations still reach what runs. */
const refusedWhenStopping = (message: Message.Message | Message.Batch): string | undefined => {
  if (message._tag === "Request") return errorText(message.id, stopping)
  if (message._tag !== "Batch") return undefined
  const refused = message.messages.flatMap((part) => part._tag === "Request" ? [errorText(part.id, stopping)] : [])
  return refused.length === 0 ? undefined : `[${refused.join(",")}]`
}

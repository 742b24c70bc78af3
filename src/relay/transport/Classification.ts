/**
 * What an HTTP response of the relay means: a JSON-RPC answer, an empty 2xx, or which failure (BEHAVIOUR 3 to 5).
 *
 * A JSON body under a 2xx is passed on unread; any other is looked into, up to 64 KiB.
 */
import { Effect, Predicate, Result } from "effect"
import { codes } from "../../domain/JsonRpcError.ts"
import * as Message from "../../domain/Message.ts"
import { eraOf } from "../../domain/ProtocolVersion.ts"
import {
  Forbidden,
  GatewayStatus,
  NoStream,
  NotJsonRpc,
  RateLimited,
  RelayFailure,
  type RelayFailureReason,
  SessionLost,
  Unauthorized
} from "../RelayFailure.ts"
import { collect } from "./BodyText.ts"
import type { ResponseHead } from "./HttpExchange.ts"
import { type IncomingBytes, ofText } from "./Incoming.ts"
import type { Attempt, RelayAnswer, RelayBody } from "./RelayAnswer.ts"
import { allowedOnly, header, mediaType, type RawHeaders, retryAfterMillis } from "./ResponseHeaders.ts"
import { sseEvents } from "./SseEvents.ts"

const peekBytes = 64 * 1024

const isJson = (type: string): boolean => type === "application/json" || type.endsWith("+json")

type ErrorResponse = Message.Response & { readonly error: NonNullable<Message.Response["error"]> }

/** A lost session as it comes with a 400 (server-everything, older SDKs); BEHAVIOUR 3. */
const saysSessionLost = (error: ErrorResponse): boolean =>
  error.id === "null" && /session|not initialized/i.test(error.error.message)

/**
 * The relay is of another era than it was: a session answered with "unsupported revision" (MCP 2026-07-28), or the modern
 * form by a server that asks for a session.
 */
const saysOtherEra = (attempt: Attempt, error: ErrorResponse): boolean => {
  const { code } = error.error
  if (eraOf(attempt.protocolVersion ?? "") === "legacy") {
    return attempt.session !== undefined && code === codes.unsupportedVersion
  }
  return error.id === "null" && code <= -32000 && code > codes.headerMismatch
}

const errorResponse = (text: string): ErrorResponse | undefined => {
  const parsed = Message.parse(text)
  if (Result.isFailure(parsed) || parsed.success._tag !== "Response") return undefined
  const { error } = parsed.success
  return error === undefined ? undefined : { ...parsed.success, error }
}

const isMessage = (text: string): boolean => Result.isSuccess(Message.parse(text))

/** The body's length in bytes, where it is said. */
const lengthOf = (headers: RawHeaders): number | undefined => {
  const length = header(headers, "content-length")
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined
}

const answerWith = ({ headers, status }: ResponseHead, body: RelayBody): RelayAnswer => ({
  status,
  headers: allowedOnly(headers),
  session: header(headers, "mcp-session-id") || undefined,
  length: lengthOf(headers),
  body
})

const encodingOf = (headers: RawHeaders): string => header(headers, "content-encoding")?.toLowerCase() ?? "identity"

/** What nearly all answers are. */
const plain = (head: ResponseHead, chunks: IncomingBytes): RelayAnswer | undefined => {
  const { headers, status } = head
  if (status === 202 || status === 204) return answerWith(head, { _tag: "Empty" })
  if (status < 200 || status >= 300 || encodingOf(headers) !== "identity") return undefined
  const type = mediaType(headers)
  if (type === "text/event-stream") return answerWith(head, { _tag: "Sse", events: sseEvents(chunks) })
  return isJson(type) ? answerWith(head, { _tag: "Json", chunks }) : undefined
}

export const classify = (
  attempt: Attempt,
  head: ResponseHead,
  chunks: IncomingBytes
): Effect.Effect<RelayAnswer, RelayFailure> => {
  const answer = plain(head, chunks)
  return answer === undefined ? lookedInto(attempt, head, chunks) : Effect.succeed(answer)
}

const lookedInto = Effect.fnUntraced(function*(
  attempt: Attempt,
  head: ResponseHead,
  chunks: IncomingBytes
): Effect.fn.Return<RelayAnswer, RelayFailure> {
  const { headers, status } = head
  const type = mediaType(headers)
  const isIdentity = encodingOf(headers) === "identity"
  const answer = (body: RelayBody): RelayAnswer => answerWith(head, body)
  const fail = (reason: RelayFailureReason) => Effect.fail(new RelayFailure({ reason }))
  const notJsonRpc = Effect.flatMap(
    retryAfterMillis(headers),
    (millis) => fail(new NotJsonRpc({ status, contentType: type, retryAfterMillis: millis }))
  )

  switch (status) {
    case 401:
      return yield* fail(new Unauthorized({ challenge: header(headers, "www-authenticate") }))
    case 429: {
      const body = isJson(type) && isIdentity ? yield* collect(chunks, peekBytes) : undefined
      const text = body?._tag === "Whole" && errorResponse(body.text) !== undefined ? body.text : undefined
      return yield* fail(
        new RateLimited({
          retryAfterMillis: yield* retryAfterMillis(headers),
          ...(text === undefined ? {} : { answer: { status, headers: allowedOnly(headers), text } })
        })
      )
    }
    case 502:
    case 503:
    case 504:
      return yield* fail(new GatewayStatus({ status, retryAfterMillis: yield* retryAfterMillis(headers) }))
  }
  if (!isIdentity) return yield* notJsonRpc

  if (status < 300) {
    const body = type === "" ? yield* collect(chunks, 0) : undefined
    return body?._tag === "Whole" ? answer({ _tag: "Empty" }) : yield* notJsonRpc
  }
  if (status < 400) return yield* notJsonRpc

  const peeked = isJson(type) || type === "" ? yield* collect(chunks, peekBytes) : undefined
  const text = peeked?._tag === "Whole" ? peeked.text : undefined
  const error = text === undefined ? undefined : errorResponse(text)
  const inSession = attempt.session !== undefined

  if (attempt.method === "GET" && (status === 404 || status === 405 || status === 501)) {
    return yield* fail(status === 404 && inSession && error ? new SessionLost({ status }) : new NoStream({ status }))
  }
  if (status === 403) {
    const challenge = header(headers, "www-authenticate")
    if (error !== undefined) return yield* fail(new Forbidden({ detail: error.error.message }))
    if (challenge !== undefined) return yield* fail(new Forbidden({ detail: scopeOf(challenge) }))
    return yield* text === "" ? fail(new Forbidden({ detail: "it gave no reason" })) : notJsonRpc
  }
  if (status === 404 && inSession && !isVerdict(error)) {
    const sessionless = text !== undefined || type === "text/plain"
    return yield* sessionless ? fail(new SessionLost({ status })) : notJsonRpc
  }
  if ((status === 400 || status === 404) && error !== undefined && saysOtherEra(attempt, error)) {
    return yield* fail(new SessionLost({ status }))
  }
  if (status === 400 && inSession && error !== undefined && saysSessionLost(error)) {
    return yield* fail(new SessionLost({ status }))
  }
  if (peeked?._tag === "Longer") return answer({ _tag: "Json", chunks: peeked.chunks })
  return text !== undefined && isMessage(text) ? answer({ _tag: "Json", chunks: ofText(text) }) : yield* notJsonRpc
})

/** "No such method" to the request's own id says nothing about the session. */
const isVerdict = (error: ErrorResponse | undefined): boolean =>
  Predicate.isNotUndefined(error) && error.id !== "null" && error.error.code === codes.methodNotFound

/** What a challenge says in its `error` and `scope` (RFC 6750, section 3), and nothing else of it. */
const scopeOf = (challenge: string): string => {
  const scope = /\bscope="([^"]*)"/.exec(challenge)?.[1]
  const error = /\berror="([^"]*)"/.exec(challenge)?.[1] ?? "insufficient rights"
  return scope === undefined ? error : `${error}, it takes the scope "${scope}"`
}

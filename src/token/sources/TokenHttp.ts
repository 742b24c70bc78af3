/**
 * One request of a token source to its endpoint: over TLS or to loopback only, never redirected, never repeated.
 *
 * It appears in no trace and carries none of ours: URL and headers hold secrets.
 */
import { ByteSize, Clock, Effect, Predicate } from "effect"
import { HttpClient, type HttpClientRequest, HttpIncomingMessage } from "effect/http"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import { isLoopback } from "../../domain/Authority.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

export interface HttpAnswer {
  readonly status: number
  /** Without parameters, lower case. */
  readonly contentType: string
  readonly challenge: string | undefined
  /** What `Retry-After` asks for. */
  readonly retryAfterMillis: number | undefined
  readonly text: string
}

const maxBody = ByteSize.mebibytes(1)

/** A place to send secrets to: https, or http on this machine. */
export const safeUrl = (text: string): Effect.Effect<URL, TokenSourceFailed> => {
  const url = URL.parse(text)
  if (url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)))) {
    return Effect.succeed(url)
  }
  return Effect.fail(
    new TokenSourceFailed({
      code: "insecure",
      hint: `${placeOf(url)} is neither https nor on this machine: no secret is sent there`,
      retryable: false
    })
  )
}

/**
 * Whatever the endpoint answers, with any status; fails where it can't be reached. `onlyFailures`: the body of a 2xx, which
 * may be a stream that never ends, is left unread.
 */
export const send = (
  request: HttpClientRequest.HttpClientRequest,
  options: { readonly onlyFailures?: boolean } = {}
) =>
  Effect.gen(function*() {
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const { headers, status, ...response } = yield* client.execute(request).pipe(
      Effect.flatMap((response) => {
        const unread = options.onlyFailures === true && response.status < 300
        return Effect.map(
          unread ? Effect.succeed("") : response.text,
          (text) => ({ headers: response.headers, status: response.status, text })
        )
      })
    )
    const now = yield* Clock.currentTimeMillis
    return {
      status,
      contentType: (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "",
      challenge: headers["www-authenticate"],
      retryAfterMillis: ForeignTime.retryAfterMillis(headers["retry-after"], now),
      text: response.text
    } satisfies HttpAnswer
  }).pipe(
    Effect.scoped,
    Effect.provideService(HttpIncomingMessage.MaxBodySize, maxBody),
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.mapError((error) =>
      new TokenSourceFailed({
        code: "unreachable",
        hint: `${placeOf(URL.parse(request.url))}: ${causeOf(error)}`,
        retryable: true
      })
    )
  )

/** Of a URL, what may be shown. */
export const placeOf = (url: URL | null): string => url === null ? "the endpoint" : `${url.origin}${url.pathname}`

/** The innermost code, such as ECONNREFUSED; a message could hold the URL. */
const causeOf = (error: unknown): string => {
  if (!Predicate.isObject(error)) return "no answer"
  if (Predicate.hasProperty(error, "code") && Predicate.isString(error.code)) return error.code
  if (Predicate.hasProperty(error, "reason") && Predicate.isObject(error.reason)) return causeOf(error.reason)
  return Predicate.hasProperty(error, "cause") ? causeOf(error.cause) : "no answer"
}

/**
 * One request of a token source to its endpoint: over TLS or to loopback only, never redirected, never repeated.
 *
 * It appears in no trace and carries none of ours: URL and headers hold secrets.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Clock, Effect, Predicate } from "effect"
import { HttpClient, type HttpClientRequest } from "effect/http"
import { isLoopback } from "../../domain/Authority.ts"
import { boundedText } from "../../domain/BoundedText.ts"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import * as PublicAddress from "./PublicAddress.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

export interface HttpAnswer {
  readonly status: number
  /** Without parameters, lower case. */
  readonly contentType: string
  readonly challenge: string | undefined
  /** What a proof of the key that tokens are bound to has to carry (RFC 9449, section 8). */
  readonly nonce: string | undefined
  /** What `Retry-After` asks for. */
  readonly retryAfterMillis: number | undefined
  readonly text: string
}

const insecure = (url: URL | null, why: string, retryable = false) =>
  new TokenSourceFailed({ code: "insecure", hint: `${shownPlaceOf(url)} ${why}: no secret is sent there`, retryable })

/** A place to send secrets to: https, or http on this machine. */
export const safeUrl = (text: string): Effect.Effect<URL, TokenSourceFailed> => {
  const url = URL.parse(text)
  return url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)))
    ? Effect.succeed(url)
    : Effect.fail(insecure(url, "is neither https nor on this machine"))
}

/**
 * Who named an endpoint, as far as the user can vouch for it: the URL of the settings that led there. Of this machine or
 * its network it may name endpoints there too; any other may name public ones alone.
 * See PublicAddress for when it counts as that.
 */
export interface NamedBy {
  readonly namedBy: URL | undefined
}

/** Where a request may go, and over which client. */
const clientFor = Effect.fnUntraced(function*(url: URL | null, { namedBy }: NamedBy) {
  const client = yield* HttpClient.HttpClient
  if (namedBy === undefined || url === null) return client
  const location = yield* PublicAddress.locationOf(namedBy)
  if (location === "machine") return client
  if (!PublicAddress.mayNameHost(location, url)) return yield* notNamed(url, namedBy, location)
  const lookup = PublicAddress.lookupFor(location, yield* PublicAddress.Resolver)
  const dispatcher = yield* NodeHttpClient.makeDispatcherOptions({ connect: { lookup } })
  return yield* Effect.provideService(NodeHttpClient.makeUndici, NodeHttpClient.Dispatcher, dispatcher)
})

const notNamed = (url: URL, { host }: URL, location: PublicAddress.Location) => {
  if (location === "network") return insecure(url, `is on this machine, where ${host} is not`)
  const place = "is on this machine or its network"
  // It may be away, and show it later.
  return location === "unproven"
    ? insecure(url, `${place}, and ${host} does not show by a TLS handshake that it is there, too`, true)
    : insecure(url, `${place}, where ${host} is not`)
}

/**
 * Whatever the endpoint answers, with any status; fails where it can't be reached. `onlyFailures`: the body of a 2xx, which
 * may be a stream that never ends, is left unread.
 */
export const send = (
  request: HttpClientRequest.HttpClientRequest,
  options: Partial<NamedBy> & { readonly onlyFailures?: boolean } = {}
) =>
  Effect.gen(function*() {
    const client = HttpClient.withScope(yield* clientFor(URL.parse(request.url), { namedBy: options.namedBy }))
    const { headers, status, ...response } = yield* client.execute(request).pipe(
      Effect.flatMap((response) => {
        const unread = options.onlyFailures === true && response.status < 300
        return Effect.map(
          unread ? Effect.succeed("") : boundedText(response),
          (text) => ({ headers: response.headers, status: response.status, text })
        )
      })
    )
    const now = yield* Clock.currentTimeMillis
    return {
      status,
      contentType: (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "",
      challenge: headers["www-authenticate"],
      nonce: headers["dpop-nonce"],
      retryAfterMillis: ForeignTime.retryAfterMillis(headers["retry-after"], now),
      text: response.text
    } satisfies HttpAnswer
  }).pipe(
    Effect.scoped,
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.mapError((error) => {
      if (error instanceof TokenSourceFailed) return error
      const place = shownPlaceOf(URL.parse(request.url))
      return error._tag === "TooLong"
        ? new TokenSourceFailed({ code: "too long", hint: `${place}: ${error.message}`, retryable: false })
        : new TokenSourceFailed({ code: "unreachable", hint: `${place}: ${causeOf(error)}`, retryable: true })
    })
  )

/** Of a URL, what may be shown. */
export const placeOf = (url: URL | null): string => url === null ? "the endpoint" : `${url.origin}${url.pathname}`

/** The other side may have named it, and errors are logged and listed. */
const maxShown = 200

const shownPlaceOf = (url: URL | null): string => {
  const place = placeOf(url)
  return place.length > maxShown ? `${place.slice(0, maxShown)}…` : place
}

/** The innermost code, such as ECONNREFUSED; a message could hold the URL. */
const causeOf = (error: unknown): string => {
  if (!Predicate.isObject(error)) return "no answer"
  if (Predicate.hasProperty(error, "code") && Predicate.isString(error.code)) return error.code
  if (Predicate.hasProperty(error, "reason") && Predicate.isObject(error.reason)) return causeOf(error.reason)
  return Predicate.hasProperty(error, "cause") ? causeOf(error.cause) : "no answer"
}

/**
 * Device authorization (RFC 8628): for a machine without a browser. The person opens an address anywhere and enters a
 * code, while we ask the token endpoint whether they have agreed, as often as the server allows.
 */
import { Effect, Option, Schema } from "effect"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import * as ClientRegistration from "./ClientRegistration.ts"
import { type ClientOptions, deviceGrant, type RegisteredClient } from "./ClientRegistration.ts"
import type { KnownClient } from "./KnownClients.ts"
import type { Login } from "./LoginFile.ts"
import { type LoginPlace, refuse } from "./LoginPlace.ts"
import * as NewLogin from "./NewLogin.ts"
import type { ProofKey } from "./ProofKey.ts"
import { shown } from "./SourceProblem.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"
import * as TokenHttp from "./TokenHttp.ts"
import type { TokenSourceFailed } from "./TokenSource.ts"

export interface DeviceAuthorization {
  /** For a browser anywhere. */
  readonly url: string
  /** The same with the code in it, where the server has one. */
  readonly completeUrl: string | undefined
  /** What the person enters there. */
  readonly code: string
  readonly registered?: KnownClient | undefined
  /** Waits until the person has agreed, or the code has ended; gives what is to be kept. */
  readonly complete: ReturnType<typeof poll>
}

const Answer = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({
  device_code: Schema.NonEmptyString,
  user_code: Schema.NonEmptyString,
  verification_uri: Schema.NonEmptyString,
  verification_uri_complete: Schema.optionalKey(Schema.String),
  expires_in: Schema.Unknown,
  interval: Schema.optionalKey(Schema.Unknown)
})))

/** Between two questions where the server names no pause, and what "slow down" adds (section 3.5); milliseconds. */
const usualPause = 5000
const minPause = 1000
/** A server that names a longer one is asked this often all the same. */
const maxPause = 60_000
/** Nobody waits for a person for longer, whatever the server says; milliseconds. */
const maxWait = 24 * 60 * 60 * 1000

const has = ({ code }: TokenSourceFailed, error: string): boolean => code.endsWith(` ${error}`)

export const begin = Effect.fn("DeviceAuthorization.begin")(function*(place: LoginPlace, options: ClientOptions) {
  const { resource, scopes, server } = place
  const endpoint = server.device_authorization_endpoint
  if (endpoint === undefined) {
    return yield* refuse("no device login", `${server.issuer} offers no login by device: log in without --device`)
  }
  const form = { resource, ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }) }
  const ask = (client: RegisteredClient) => TokenEndpoint.request(endpoint, NewLogin.asOAuth(client), form, place)
  const isForgotten = (error: TokenSourceFailed) => has(error, "invalid_client") || has(error, "unauthorized_client")
  let chosen = yield* ClientRegistration.choose(place, null, options)
  const asked = yield* Effect.result(ask(chosen.client))
  if (asked._tag === "Failure" && !(chosen.reused && isForgotten(asked.failure))) return yield* asked.failure
  if (asked._tag === "Failure") chosen = yield* ClientRegistration.choose(place, null, { ...options, known: undefined })
  const text = asked._tag === "Failure" ? yield* ask(chosen.client) : asked.success
  const answer = Answer(text)
  if (Option.isNone(answer)) return yield* refuse("no code", `${server.issuer} gave no code to enter`)
  const { device_code, expires_in, interval, user_code, verification_uri, verification_uri_complete } = answer.value
  const lifetime = ForeignTime.lifetime(expires_in)
  if (Option.isNone(lifetime)) {
    return yield* refuse("no code", `${server.issuer} does not say how long its code is good`)
  }
  const url = yield* TokenHttp.safeUrl(verification_uri)
  return {
    url: url.href,
    completeUrl: URL.parse(verification_uri_complete ?? "")?.origin === url.origin
      ? URL.parse(verification_uri_complete ?? "")?.href
      : undefined,
    code: shown(user_code, []),
    registered: chosen.registered,
    complete: poll(place, chosen.client, NewLogin.keyFor(place), {
      code: device_code,
      millis: Math.min(lifetime.value, maxWait),
      pause: Math.min(Math.max(Option.getOrElse(ForeignTime.lifetime(interval), () => usualPause), minPause), maxPause)
    })
  } satisfies DeviceAuthorization
})

const ended = refuse("expired_token", "nobody agreed before the code ended; start again")

const poll = Effect.fnUntraced(
  function*(
    place: LoginPlace,
    client: RegisteredClient,
    key: ProofKey | undefined,
    device: { readonly code: string; readonly millis: number; readonly pause: number }
  ) {
    let { pause } = device
    while (true) {
      yield* Effect.sleep(pause)
      const form = { grant_type: deviceGrant, device_code: device.code }
      const asked: { readonly login: Login } | { readonly error: TokenSourceFailed } = yield* NewLogin.request(
        place,
        client,
        key,
        form
      ).pipe(Effect.match({ onSuccess: (login) => ({ login }), onFailure: (error) => ({ error }) }))
      if ("login" in asked) return asked.login
      const { error } = asked
      if (has(error, "authorization_pending")) continue
      if (has(error, "expired_token")) return yield* ended
      if (has(error, "access_denied")) return yield* refuse("access_denied", "the login was refused")
      // A server that is away is asked more seldom, as one that says so is (section 3.5).
      if (!has(error, "slow_down") && !error.retryable) return yield* error
      pause = Math.min(pause + usualPause, maxPause)
    }
  },
  (self, _place, _client, _key, { millis }) =>
    Effect.timeoutOrElse(self, { duration: millis, orElse: () => Effect.fail(ended) })
)

/** The two ways to log in: a browser on this machine that comes back to it, or a code for a browser on any. */
import { Console, Effect, Option } from "effect"
import * as Authorization from "../../token/sources/Authorization.ts"
import type { ClientOptions } from "../../token/sources/ClientRegistration.ts"
import * as DeviceAuthorization from "../../token/sources/DeviceAuthorization.ts"
import * as KnownClients from "../../token/sources/KnownClients.ts"
import type { Login } from "../../token/sources/LoginFile.ts"
import * as LoginPlaces from "../../token/sources/LoginPlace.ts"
import type { LoginPlace } from "../../token/sources/LoginPlace.ts"
import * as NewLogin from "../../token/sources/NewLogin.ts"
import { TokenSourceFailed } from "../../token/sources/TokenSource.ts"
import { CommandFailed } from "../Failures.ts"
import * as Progress from "../Progress.ts"
import { callback } from "./callback.ts"

const timeout = "10 minutes"
const waitingFor = "waiting for somebody to agree"

/** So that a login that is broken off registers no other client, either. */
const keep = (registered: KnownClients.KnownClient | undefined) =>
  registered === undefined ? Effect.void : KnownClients.save(registered)

/** Once more where the server refuses the scopes that are for us alone: that the login lasts, and who logged in. */
export const withLess = <E extends { readonly _tag: string }, R>(
  place: LoginPlace,
  login: (place: LoginPlace) => Effect.Effect<Login, E | TokenSourceFailed, R>
) =>
  Effect.catch(login(place), (error) => {
    const less = error instanceof TokenSourceFailed && error.code.endsWith("invalid_scope")
      ? LoginPlaces.withLess(place)
      : Option.none()
    if (Option.isNone(less)) return Effect.fail(error)
    const scopes = place.ours.join(" and ")
    return Effect.andThen(
      Console.log(`The server does not give ${scopes} to this client. Once more without:\n`),
      login(less.value)
    )
  })

export const byBrowser = Effect.fnUntraced(function*(place: LoginPlace, options: ClientOptions) {
  const known = Option.getOrUndefined(yield* KnownClients.find(place.server.issuer, false))
  const port = Number(URL.parse(known?.redirectUri ?? "")?.port ?? 0)
  const state = NewLogin.random()
  const { query, redirectUri } = yield* callback(port, state)
  const begun = yield* Authorization.begin(place, redirectUri, { ...options, known }, state)
  yield* keep(begun.registered)
  yield* Console.log(`Open this address in a browser on this machine, and agree:\n\n  ${begun.url}\n`)
  const came = yield* Progress.during(waitingFor, 600, Effect.timeoutOption(query, timeout))
  if (Option.isNone(came)) {
    return yield* new CommandFailed({ message: "nobody agreed within 10 minutes; start again" })
  }
  return yield* begun.complete(came.value)
})

export const byDevice = Effect.fnUntraced(function*(place: LoginPlace, options: ClientOptions) {
  const known = Option.getOrUndefined(yield* KnownClients.find(place.server.issuer, true))
  const begun = yield* DeviceAuthorization.begin(place, { ...options, known })
  yield* keep(begun.registered)
  const complete = begun.completeUrl === undefined
    ? ""
    : `\nor open this one, which has the code in it:\n\n  ${begun.completeUrl}\n`
  yield* Console.log(
    `Open this address in a browser on any machine:\n\n  ${begun.url}\n\nenter the code ${begun.code}, and agree\n${complete}`
  )
  return yield* Progress.during(waitingFor, undefined, begun.complete)
})

/** How a browser signs in to the dashboard, and out. */
import { Effect, Option } from "effect"
import { Cookies, HttpEffect, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { AdminApi } from "./AdminApi.ts"
import { Unauthorized } from "./AdminErrors.ts"
import { cookieNameFor, cookieOf, cookieOptions, foreignPage, isOwnPage } from "./Admission.ts"
import { BrowserSessions } from "./BrowserSessions.ts"
import { Daemon } from "./Daemon.ts"
import { instant } from "./Instant.ts"

const spent = new Unauthorized({
  message: "this link was used, is too old, or is another daemon's; \"holdfast open\" prints a new one"
})

export const signInLayer = HttpApiBuilder.group(
  AdminApi,
  "signIn",
  Effect.fn(function*(handlers) {
    const browsers = yield* BrowserSessions
    return handlers.handleAll({
      signIn: Effect.fnUntraced(function*({ payload: { ticket } }) {
        const request = yield* HttpServerRequest.HttpServerRequest
        // Before the ticket is used up.
        if (!isOwnPage(request)) return yield* foreignPage
        const signedIn = yield* browsers.signIn(ticket)
        if (Option.isNone(signedIn)) return yield* spent
        const { cookie, expiresAt, key } = signedIn.value
        yield* setCookie(cookie, { expires: new Date(expiresAt) })
        return { key, expiresAt: instant(expiresAt) }
      })
    })
  })
)

export const sessionLayer = HttpApiBuilder.group(
  AdminApi,
  "session",
  Effect.fn(function*(handlers) {
    const browsers = yield* BrowserSessions
    const { url } = yield* Daemon
    return handlers.handleAll({
      link: Effect.fnUntraced(function*() {
        const { expiresAt, ticket } = yield* browsers.ticket
        // Behind the #, which a browser sends to nobody.
        return { url: new URL(`/#sign-in=${ticket}`, url).href, expiresAt: instant(expiresAt) }
      }),
      signOut: Effect.fnUntraced(function*() {
        const cookie = cookieOf(yield* HttpServerRequest.HttpServerRequest)
        if (cookie === "") return yield* browsers.signOutAll
        yield* browsers.signOut(cookie)
        yield* setCookie("", { maxAge: 0 })
      })
    })
  })
)

const setCookie = Effect.fnUntraced(
  function*(value: string, life: Pick<Cookies.Cookie["options"] & {}, "expires" | "maxAge">) {
    const name = cookieNameFor(yield* HttpServerRequest.HttpServerRequest)
    yield* HttpEffect.appendPreResponseHandler((_, response) =>
      Effect.orDie(HttpServerResponse.setCookie(response, name, value, { ...cookieOptions, ...life }))
    )
  }
)

/**
 * Who may ask the admin API: whoever has the admin secret, for all of it, and a browser that is signed in, for what the
 * dashboard shows and does (BEHAVIOUR 11).
 *
 * A browser proves three things: the cookie, the key that its page keeps apart from it, and that the page which asks came
 * from this very port. A page of another site, or of another port of this machine, has at most one of them.
 */
import { Context, Effect, Layer, Redacted } from "effect"
import { Cookies, type Headers, HttpServerRequest } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { AdminAccess, AdminInput } from "./AdminApi.ts"
import { BadRequest, Unauthorized } from "./AdminErrors.ts"
import { AdminSecret } from "./AdminSecret.ts"
import { BrowserSessions } from "./BrowserSessions.ts"

/** The header that carries the page's key. */
export const keyHeader = "x-holdfast-page"

/** A browser's cookies are those of a host, so each port has a name of its own. */
const cookieName = (host: string): string => `holdfast-${URL.parse(`http://${host}`)?.port || "80"}`

/** Sent back to the admin API alone; `/mcp` never gets it. */
export const cookieOptions = { path: "/api", httpOnly: true, sameSite: "strict" } as const

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Headers.Headers
}

/** The name under which the browser that asks has, or gets, its cookie. */
export const cookieNameFor = ({ headers }: Asked): string => cookieName(headers["host"] ?? "")

export const cookieOf = (asked: Asked): string =>
  Cookies.parseHeader(asked.headers["cookie"] ?? "")[cookieNameFor(asked)] ?? ""

/** Whether a page of this port asks, as the browser itself says; every browser does since 2023. */
export const isOwnPage = ({ headers }: Asked): boolean => {
  const { host = "", origin } = headers
  return headers["sec-fetch-site"] === "same-origin" && (origin === undefined || URL.parse(origin)?.host === host)
}

/** What a browser may ask for besides `GET`. None of it answers with a secret. */
const browserMay: ReadonlySet<string> = new Set([
  "POST /api/outbox/retry",
  "POST /api/outbox/discard",
  "POST /api/context",
  "POST /api/token/refresh",
  "POST /api/relays/probe",
  "DELETE /api/session"
])

const isForBrowsers = ({ method, url }: Asked): boolean => {
  const [path = ""] = url.split("?", 1)
  return method === "GET" || browserMay.has(`${method} ${path}`)
}

export class Admission extends Context.Service<Admission, {
  /** Fails with what to do. */
  readonly admit: (asked: Asked) => Effect.Effect<void, Unauthorized>
}>()("holdfast/admin/Admission") {
  static readonly layerNoDeps = Layer.effect(
    Admission,
    Effect.gen(function*() {
      const secret = yield* AdminSecret
      const browsers = yield* BrowserSessions
      return Admission.of({
        admit: Effect.fnUntraced(function*(asked) {
          const { headers } = asked
          const cookie = cookieOf(asked)
          if (cookie === "" || headers["authorization"] !== undefined) {
            const given = /^Bearer (.+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? ""
            return secret.matches(Redacted.make(given)) ? undefined : yield* unauthorized
          }
          if (!isOwnPage(asked)) return yield* foreignPage
          if (!(yield* browsers.isSignedIn(cookie, headers[keyHeader] ?? ""))) return yield* signedOut
          return isForBrowsers(asked) ? undefined : yield* notForBrowsers
        })
      })
    })
  )
}

export const unauthorized = new Unauthorized({
  message: "wrong or missing admin secret; it is in admin-secret in the data directory"
})
export const foreignPage = new Unauthorized({ message: "only Holdfast's own page may ask this with a cookie" })
export const signedOut = new Unauthorized({ message: "this browser is not signed in; \"holdfast open\" prints a link" })
const notForBrowsers = new Unauthorized({ message: "a browser may not ask this; use the command line" })

// The server's side of `AdminAccess` and `AdminInput`.

const access = Layer.effect(
  AdminAccess,
  Effect.gen(function*() {
    const { admit } = yield* Admission
    return AdminAccess.of((handler) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => Effect.andThen(admit(request), handler))
    )
  })
)

const input = HttpApiMiddleware.layerSchemaErrorTransform(
  AdminInput,
  (error) => Effect.fail(new BadRequest({ message: `${error.kind.toLowerCase()}: ${error.cause.message}` }))
)

export const accessLayer = Layer.merge(access, input)

/** Where a person logs in for a relay, what for and with which rights, as the relay and its server say. */
import { Effect, Option } from "effect"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import type { Login } from "./LoginFile.ts"
import { algorithm } from "./ProofKey.ts"
import { shown } from "./SourceProblem.ts"
import * as TokenHttp from "./TokenHttp.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

export interface LoginPlace {
  readonly relay: URL
  readonly server: AuthorizationServer.ServerMetadata
  /** The URL of the settings that led to the server. */
  readonly namedBy: URL
  /** What a token is asked for. */
  readonly resource: string
  readonly scopes: ReadonlyArray<string>
  /** Those of them that are for us alone, and that nobody else asked for. */
  readonly ours: ReadonlyArray<string>
  /** Whether the relay refused who has no token. */
  readonly challenged: boolean
  /** Whether the token is to be bound to a key of ours. */
  readonly bound: boolean
}

/** What the other side or a browser said is shown as anybody's text is. */
export const refuse = (code: string, hint: string) =>
  new TokenSourceFailed({ code: shown(code, []), hint: shown(hint, []), retryable: false })

/** No metadata, and nobody at the endpoints that servers without metadata have. */
export const noLogin = ({ challenged, relay }: LoginPlace) =>
  refuse(
    "no login",
    `${TokenHttp.placeOf(relay)} ${
      challenged
        ? "asks for a token, but offers no login (no OAuth metadata): get a token from who runs it, and name where it "
          + "is: HOLDFAST_RELAY_TOKEN, token.file, token.command"
        : "offers no login, and asks for no token: none is needed"
    }`
  )

export const sameIssuer = (one: string, other: string): boolean => one.replace(/\/$/, "") === other.replace(/\/$/, "")

const wordsOf = (scope: string | undefined): ReadonlyArray<string> =>
  scope?.split(" ").filter((word) => word !== "") ?? []

/** For us, beside what the relay asks for: that the login lasts, and who logged in. */
const own = ["offline_access", "openid"]

/** Without what is for us alone: some servers refuse a client that may not have it. `None` where there is nothing such. */
export const withLess = (place: LoginPlace): Option.Option<LoginPlace> =>
  place.ours.length === 0 ? Option.none() : Option.some({
    ...place,
    scopes: place.scopes.filter((scope) => !place.ours.includes(scope)),
    ours: []
  })

export const find = Effect.fn("LoginPlace.find")(function*(options: {
  readonly relay: URL
  /** The only authorization server that the login may be at; one that the relay names, without. */
  readonly issuer?: string | undefined
  /** Asked for besides what the relay asks for. */
  readonly scope?: string | undefined
  readonly before?: Login | undefined
}) {
  const { before, issuer: wanted, relay } = options
  const { bound, challenged, issuers, resource, scope: asked } = yield* AuthorizationServer.protectedResource(relay)
  if (wanted !== undefined && !issuers.some((issuer) => sameIssuer(issuer, wanted))) {
    return yield* refuse("wrong issuer", `the relay asks for a login at ${issuers.join(", ")}, not at ${wanted}`)
  }
  const namedBy = wanted === undefined ? relay : yield* TokenHttp.safeUrl(wanted)
  const server = yield* AuthorizationServer.serverMetadata(wanted ?? issuers[0] ?? relay.origin, namedBy)
  const known = own.filter((scope) => server.scopes_supported?.includes(scope) === true)
  const allowed = before?.issuer === server.issuer ? before.scopes ?? [] : []
  const others = [...wordsOf(asked), ...wordsOf(options.scope)]
  const scopes = [...new Set([...wordsOf(asked), ...allowed, ...wordsOf(options.scope), ...known])]
  const ours = known.filter((scope) => !others.includes(scope))
  const binds = server.dpop_signing_alg_values_supported?.includes(algorithm) === true
  if (bound === "must be" && !binds) {
    return yield* refuse(
      "no bound tokens",
      `the relay takes only tokens that are bound to a key (DPoP), and ${server.issuer} binds none with ${algorithm}`
    )
  }
  return {
    relay,
    server,
    namedBy,
    resource,
    scopes,
    ours,
    challenged,
    bound: bound !== "no" && binds
  } satisfies LoginPlace
})

/**
 * The token of a person's login, renewed with its refresh token (RFC 6749, section 6).
 *
 * A refresh token that the server replaced is on disk before anything that came with it is used: after a crash the login
 * goes on. Where the disk refuses it, it is written with the next ask, before the server is asked again.
 */
import { Clock, Effect, Fiber, FileSystem, Option, Redacted, Stream } from "effect"
import { HttpClient } from "effect/http"
import type { AgentName, RelayId } from "../../domain/Ids.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import * as AuthorizationServer from "./AuthorizationServer.ts"
import { of } from "./FileSource.ts"
import { loginCommand, loginName } from "./loginCommand.ts"
import * as LoginFile from "./LoginFile.ts"
import { ProofKey } from "./ProofKey.ts"
import * as TokenAnswer from "./TokenAnswer.ts"
import * as TokenEndpoint from "./TokenEndpoint.ts"
import { type IssuedToken, type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

/** A token that ends sooner than that is not worth giving out while another can be had. */
const minLifetime = 60_000

/** A server that answers later is taken for one that does not. */
const exchangeTimeout = "2 minutes"

/** Servers that give grace take a used refresh token once more; one that does not ends the login. Never in a loop. */
const maxTries = 2

const noAnswer = new TokenSourceFailed({ code: "unreachable", hint: "no answer within 2 minutes", retryable: true })

/** Whether the request may have reached the server, although no answer came. */
const isCutOff = ({ code, hint }: TokenSourceFailed): boolean =>
  code === "unreachable"
  && !/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOTPUBLIC|CONNECT_TIMEOUT|CERT|TLS|SSL/.test(hint)

const failed = (code: string, hint: string) => new TokenSourceFailed({ code, hint, retryable: false })

/** Whom a login stands for: the person at the issuer; where that did not say who it is, this one login. */
export const identityOf = ({ accessToken, id, issuer, scopes, subject }: LoginFile.Login) =>
  ({
    source: `login ${issuer}`,
    value: Redacted.make(accessToken),
    expiresAt: Option.none<number>(),
    subject: Option.some(subject === undefined ? id : `person ${subject}`),
    // A person who is allowed more is the same one: what they had queued goes out.
    scopes: subject === undefined ? scopes : undefined
  }) satisfies IssuedToken

/**
 * `url`: where the relay is. A login at another place, for a relay that once had this name, is none. `agent`: that has a
 * login of its own.
 */
export const make = Effect.fnUntraced(function*(relay: RelayId, url?: URL, agent?: AgentName) {
  const context = yield* Effect.context<DataDirectory | FileSystem.FileSystem | HttpClient.HttpClient>()
  const directory = yield* DataDirectory
  const name = loginName(agent)
  const again = `log in again with ${loginCommand(relay, agent)}`
  let unwritten: LoginFile.Login | undefined
  /** The token that we wrote to disk: its appearance there is no change of the source. */
  let written: string | undefined
  /** The token that was given out last: an ask after that wants another one. */
  let lastGiven: string | undefined
  let renewing: Fiber.Fiber<LoginFile.Login, TokenSourceFailed> | undefined
  /** A refresh token that was sent and not answered: nobody knows whether it is used up. */
  let doubted = { refreshToken: "", times: 0 }
  const doubt = (refreshToken: string): void => {
    doubted = { refreshToken, times: doubted.refreshToken === refreshToken ? doubted.times + 1 : 1 }
  }

  /** Of the login in use: it knows the nonces of the servers. */
  let key: ProofKey | undefined
  const keyOf = ({ key: jwk }: LoginFile.Login): ProofKey | undefined => {
    if (jwk === undefined) return undefined
    if (key?.jwk.d !== jwk.d) key = new ProofKey(jwk)
    return key
  }

  const read = LoginFile.read(relay, agent).pipe(
    Effect.map(Option.filter(({ resource }) => url === undefined || AuthorizationServer.covers(resource, url))),
    Effect.mapError(({ message }) => failed("unreadable", message))
  )

  /** Writes the login and returns it; where somebody logged in anew meanwhile, returns that login and writes nothing. */
  const save = Effect.fnUntraced(function*(login: LoginFile.Login) {
    unwritten = login
    const present = yield* read
    const replaced = Option.filter(present, ({ id }) => id !== login.id)
    if (Option.isNone(replaced)) {
      written = login.accessToken
      yield* Effect.mapError(
        LoginFile.write(relay, login, agent),
        (error) => new TokenSourceFailed({ code: "disk", hint: error.message, retryable: true })
      )
    }
    unwritten = undefined
    return Option.getOrElse(replaced, () => login)
  })

  /**
   * One exchange, to its end: the server may have used the old refresh token up, so its answer must not get lost because
   * somebody stopped waiting.
   */
  const exchange = Effect.fnUntraced(function*(login: LoginFile.Login, refreshToken: string) {
    const text = yield* TokenEndpoint.request(
      login.tokenEndpoint,
      {
        id: login.clientId,
        secret: login.clientSecret === undefined ? undefined : Redacted.make(login.clientSecret),
        methods: login.methods,
        key: keyOf(login)
      },
      { grant_type: "refresh_token", refresh_token: refreshToken, resource: login.resource },
      { namedBy: URL.parse(login.namedBy ?? "") ?? undefined }
    ).pipe(
      Effect.timeoutOrElse({ duration: exchangeTimeout, orElse: () => Effect.fail(noAnswer) }),
      Effect.tapError((error) => Effect.sync(() => isCutOff(error) && doubt(refreshToken))),
      Effect.mapError((error) =>
        error.code.endsWith("invalid_grant") ? failed(error.code, `the login has ended: ${again}`) : error
      )
    )
    return yield* save(yield* TokenAnswer.loginOf(text, login))
  })

  /** Shares the exchange that is under way: a second one would present a token that may be used up. */
  const renew = Effect.fnUntraced(function*(login: LoginFile.Login) {
    const { refreshToken } = login
    if (refreshToken === null) return yield* failed("ended", `the server gave no refresh token: ${again}`)
    if (renewing === undefined) {
      if (doubted.refreshToken === refreshToken && doubted.times >= maxTries) {
        return yield* failed(
          "unknown outcome",
          `the token was to be renewed, and the answer was cut off ${doubted.times} times; the server may have used it up: ${again}`
        )
      }
      renewing = yield* Effect.forkDetach(Effect.ensuring(
        exchange(login, refreshToken),
        Effect.sync(() => {
          renewing = undefined
        })
      ))
    }
    return yield* Fiber.join(renewing)
  })

  const fetch = Effect.gen(function*() {
    if (unwritten !== undefined) yield* save(unwritten)
    const found = yield* read
    if (Option.isNone(found)) {
      return yield* new TokenSourceFailed({
        code: "no login",
        hint: "nobody logged in",
        retryable: false,
        absent: true
      })
    }
    const at = Math.floor(yield* Clock.currentTimeMillis)
    const login = found.value
    // What cannot be renewed is used to its end, however often it is asked for.
    const isLast = login.refreshToken === null
    const lasts = login.expiresAt === null || login.expiresAt - at > (isLast ? 0 : minLifetime)
    const usable = lasts && (isLast || login.accessToken !== lastGiven)
    const present = usable ? login : yield* renew(login)
    lastGiven = present.accessToken
    return {
      ...identityOf(present),
      expiresAt: Option.fromNullOr(present.expiresAt),
      name: present.name === undefined ? undefined : `${present.name} at ${present.issuer}`,
      key: keyOf(present)
    }
  }).pipe(Effect.provideContext(context))

  const isChange = Effect.provideContext(read, context).pipe(
    Effect.map((found) => {
      const present = Option.getOrUndefined(Option.map(found, ({ accessToken }) => accessToken))
      return present === undefined || (present !== lastGiven && present !== written)
    }),
    Effect.orElseSucceed(() => true)
  )
  const changes = yield* of(directory.file(LoginFile.nameOf(relay, agent)), { ofOurs: true })

  return { name, fetch, changes: Stream.filterEffect(changes, () => isChange) } satisfies TokenSource
})

/** What an endpoint or a command answered, read as a token: JSON by the configured names, or a bare token. */
import { Clock, Effect, Option, Predicate, Redacted, Schema } from "effect"
import type { AnswerFields } from "../../config/TokenSettings.ts"
import * as ForeignTime from "../../domain/ForeignTime.ts"
import type { Login } from "./LoginFile.ts"
import { type IssuedToken, isToken, TokenSourceFailed } from "./TokenSource.ts"

const usual: Required<AnswerFields> = {
  token: ["token", "access_token", "accessToken"],
  expiresAt: ["expiresAt", "expires_at"],
  expiresIn: ["expires_in", "expiresIn"],
  subject: ["subject", "sub"],
  scopes: ["scopes", "scope"],
  username: ["username"]
}

const decodeJson = Schema.decodeOption(Schema.fromJsonString(Schema.Unknown))

const failed = (code: string, hint: string) => new TokenSourceFailed({ code, hint, retryable: true })

const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>(
    (value, key) => Predicate.isObject(value) ? Reflect.get(value, key) : undefined,
    value
  )

const first = (value: unknown, paths: ReadonlyArray<string>): unknown =>
  paths.map((path) => at(value, path)).find((found) => found !== undefined && found !== null && found !== "")

const expiryOf = Effect.fnUntraced(function*(answer: unknown, fields: Required<AnswerFields>) {
  const moment = first(answer, fields.expiresAt)
  if (moment !== undefined) {
    const millis = ForeignTime.moment(moment)
    if (Option.isSome(millis)) return millis
    return yield* failed("unreadable expiry", `${fields.expiresAt.join(" or ")} is no moment: ISO 8601 or seconds`)
  }
  const lifetime = first(answer, fields.expiresIn)
  if (lifetime === undefined) return Option.none()
  const millis = ForeignTime.lifetime(lifetime)
  if (Option.isSome(millis)) return Option.some(Math.floor(yield* Clock.currentTimeMillis) + millis.value)
  return yield* failed("unreadable expiry", `${fields.expiresIn.join(" or ")} is no number of seconds`)
})

const wordsOf = (scopes: unknown): ReadonlyArray<string> | undefined => {
  if (Predicate.isString(scopes)) return scopes.split(/[\s,]+/).filter((scope) => scope !== "")
  return Array.isArray(scopes) ? scopes.filter(Predicate.isString) : undefined
}

const stringOf = (value: unknown): string | undefined =>
  Predicate.isString(value) || Predicate.isNumber(value) ? String(value) : undefined

/** Fails where there is no token in it: such an answer is a failure, whatever its status. */
export const read = Effect.fnUntraced(function*(
  text: string,
  options: {
    readonly source: string
    readonly fields?: AnswerFields | undefined
    /** Whether text that is no JSON is the token itself. */
    readonly bare: boolean
  }
): Effect.fn.Return<IssuedToken, TokenSourceFailed> {
  const { bare, source } = options
  const json = decodeJson(text)
  const object = Option.filter(json, Predicate.isObjectOrArray)
  if (Option.isNone(object)) {
    const value = text.trim()
    if (!bare) return yield* failed("no token", "the answer is not a JSON object")
    if (value === "") return yield* failed("no token", "the answer is empty")
    if (!isToken(value)) return yield* failed("no token", "the answer is neither JSON nor a token")
    return { source, value: Redacted.make(value), expiresAt: Option.none(), subject: Option.none() }
  }
  const fields = { ...usual, ...options.fields }
  const token = first(object.value, fields.token)
  if (!Predicate.isString(token)) {
    return yield* failed("no token", `the answer holds no ${fields.token.join(" or ")}`)
  }
  return {
    source,
    value: Redacted.make(token),
    expiresAt: yield* expiryOf(object.value, fields),
    subject: Option.fromUndefinedOr(stringOf(first(object.value, fields.subject))),
    scopes: wordsOf(first(object.value, fields.scopes)),
    username: stringOf(first(object.value, fields.username))
  }
})

const RefreshToken = Schema.fromJsonString(Schema.Struct({ refresh_token: Schema.optionalKey(Schema.String) }))

/** A token endpoint's answer, as what is kept of a login; what it leaves out stays as it was (RFC 6749, section 6). */
export const loginOf = Effect.fnUntraced(function*(text: string, before: Omit<Login, "accessToken" | "expiresAt">) {
  const issued = yield* read(text, { source: "", bare: false })
  const { refresh_token } = Option.getOrElse(
    Schema.decodeOption(RefreshToken)(text),
    (): typeof RefreshToken.Type => ({})
  )
  const scopes = issued.scopes ?? before.scopes
  return {
    ...before,
    ...(scopes === undefined ? {} : { scopes }),
    refreshToken: refresh_token ?? before.refreshToken,
    accessToken: Redacted.value(issued.value),
    expiresAt: Option.getOrNull(issued.expiresAt)
  } satisfies Login
})

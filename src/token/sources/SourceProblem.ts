/** What the answer of a token's endpoint says where it is no token: bounded, without the secrets that were sent. */
import { Option, Predicate, Schema } from "effect"
import type { HttpAnswer } from "./TokenHttp.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

const maxHintLength = 300

const member = Schema.optionalKey(Schema.Unknown)
const Problem = Schema.Struct({
  code: member,
  error: member,
  error_description: member,
  hint: member,
  details: member,
  message: member
})
const decodeProblem = Schema.decodeOption(Schema.fromJsonString(Problem))

const textOf = (value: unknown): string | undefined => {
  if (Predicate.isString(value) && value !== "") return value
  if (!Predicate.isObject(value)) return undefined
  return textOf(Reflect.get(value, "code")) ?? textOf(Reflect.get(value, "message"))
}

/** A code is a word; anything else that stands in its place is a hint. */
const isCode = (text: string | undefined): text is string => text !== undefined && /^[\w.-]{1,64}$/.test(text)

/** RFC 6749, section 5.2: what no repetition mends. */
const finalCodes = ["invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"]

/** Final are 401, 403 and OAuth's own verdicts; all else may be asked again. `secrets` may be echoed, and are taken out. */
export const failureOf = ({ retryAfterMillis, status, text }: HttpAnswer, secrets: ReadonlyArray<string>) => {
  const problem = Option.getOrElse(decodeProblem(text), (): typeof Problem.Type => ({}))
  const code = [problem.code, problem.error].map(textOf).find(isCode)
  const hint = [problem.hint, problem.details, problem.error_description, problem.message, problem.error]
    .map(textOf)
    .find((text) => text !== undefined && text !== code)
  return new TokenSourceFailed({
    status,
    code: code === undefined ? `HTTP ${status}` : `HTTP ${status} ${shown(code, secrets)}`,
    hint: shown(hint ?? code ?? "it gave no reason", secrets),
    retryable: status !== 401 && status !== 403 && !(code !== undefined && finalCodes.includes(code)),
    retryAfterMillis
  })
}

/** As it is, and as it stands in a URL, in a form, and inside JSON: an endpoint echoes what it got. */
const formsOf = (secret: string): ReadonlyArray<string> => {
  const inUrl = encodeURIComponent(secret)
  return [secret, inUrl, inUrl.replaceAll("%20", "+"), JSON.stringify(secret).slice(1, -1)]
}

/** So many characters of a secret in a row are taken for a part of it. A shorter secret is looked for as a whole. */
const minPart = 8

/** What is looked at of an answer's words; more is never shown. */
const maxRead = 4096

/** Each stretch of the text that stands in a secret becomes `…`: an endpoint may quote a part of what it was sent. */
const withoutParts = (text: string, secrets: ReadonlyArray<string>): string => {
  const hidden = new Uint8Array(text.length)
  const hide = (part: string) => {
    if (part === "") return
    for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) hidden.fill(1, at, at + part.length)
  }
  const parts = new Set(text.split("").map((_, at) => text.slice(at, at + minPart)))
  for (const secret of secrets) {
    if (secret.length < minPart) hide(secret)
    for (let at = 0; at + minPart <= secret.length; at++) {
      const part = secret.slice(at, at + minPart)
      // Space around a secret stays.
      if (parts.delete(part)) hide(part.trim())
    }
  }
  let out = ""
  for (const [at, unit] of text.split("").entries()) {
    if (hidden[at] === 0) out += unit
    else if (hidden[at - 1] !== 1) out += "…"
  }
  return out
}

/** On one line, bounded, without any of the secrets and without any larger part of one. */
export const shown = (text: string, secrets: ReadonlyArray<string>): string =>
  withoutParts(text.slice(0, maxRead), secrets.filter((secret) => secret !== "").flatMap(formsOf))
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, maxHintLength)

/**
 * In which form a program reads the credential that it is handed: the bare token, a netrc file or a file of cookies. An
 * empty answer, or one that lacks what the form needs, is a failure and no empty file.
 */
import { Effect, Redacted } from "effect"
import {
  type CredentialSettings,
  fileVariablesOf,
  formOf,
  hostsOf,
  originOf,
  tokenVariablesOf,
  urlVariablesOf,
  usernameOf,
  usernameVariablesOf
} from "../config/CredentialSettings.ts"
import { CredentialUnavailable, type IssuedCredential } from "./CredentialSources.ts"

/** The last second that a cookie file's 32 bits can say. The token itself says when it really ends. */
const noEnd = 2_147_483_647

/** netrc and cookie files separate their words by white space, and have no quotes that all their readers know. */
const isWord = (text: string): boolean => /^[!-~]+$/.test(text)

const hostNames = (settings: CredentialSettings): ReadonlyArray<string> =>
  hostsOf(settings).flatMap((host) => URL.parse(originOf(host) ?? "")?.hostname ?? [])

export interface Given {
  readonly env: ReadonlyArray<readonly [name: string, value: Redacted.Redacted]>
  readonly text: Redacted.Redacted
}

/** What the program is handed, whose file is at `file`. */
export const given = Effect.fnUntraced(function*(
  name: string,
  settings: CredentialSettings,
  { token, username: said }: IssuedCredential,
  file: string
): Effect.fn.Return<Given, CredentialUnavailable> {
  const lacks = (code: string, hint: string) => new CredentialUnavailable({ name, code, hint, retryable: true })
  const secret = Redacted.value(token)
  if (secret.trim() === "") return yield* lacks("empty", "its source answered with an empty token")
  const username = usernameOf(settings, said)
  const form = formOf(settings)
  const needsUser = form !== "token" || usernameVariablesOf(settings).length > 0
  if (needsUser && username === "") {
    return yield* lacks("no user", "its source names no user: set credentials.<name>.username")
  }
  if (form !== "token" && !(isWord(username) && isWord(secret))) {
    return yield* lacks("no word", `its user or token has characters that a ${form} file cannot hold`)
  }
  const lines = {
    token: () => [secret],
    netrc: () => hostNames(settings).map((host) => `machine ${host} login ${username} password ${secret}`),
    cookies: () =>
      hostNames(settings).map((host) => [host, "FALSE", "/", "TRUE", noEnd, "o", `${username}=${secret}`].join("\t"))
  }[form]()
  const [url = ""] = hostsOf(settings).flatMap((host) => originOf(host) ?? [])
  return {
    text: Redacted.make(form === "token" ? secret : `${lines.join("\n")}\n`),
    env: [
      ...tokenVariablesOf(settings).map((name) => [name, token] as const),
      ...usernameVariablesOf(settings).map((name) => [name, Redacted.make(username)] as const),
      ...urlVariablesOf(settings).map((name) => [name, Redacted.make(url)] as const),
      ...fileVariablesOf(settings).map((name) => [name, Redacted.make(file)] as const)
    ]
  }
})

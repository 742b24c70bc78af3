/** Credentials for git, gh and whatever else takes a name and a token: for which hosts, and where they come from. */
import { Schema } from "effect"
import { isLoopback } from "../domain/Authority.ts"
import { SourceSettings } from "./TokenSettings.ts"

const expected = "a host such as \"github.com\", or an http URL of this machine"

/** `https` where no scheme is given; without TLS only this machine. Its origin, or `None` where it is neither. */
export const originOf = (host: string): string | undefined => {
  const url = URL.parse(host.includes("://") ? host : `https://${host}`)
  if (url === null || url.username !== "" || url.password !== "" || url.pathname !== "/" || url.search !== "") {
    return undefined
  }
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)) ? url.origin : undefined
}

const Host = Schema.String.annotate({ expected, description: expected }).check(
  Schema.makeFilter((host) => originOf(host) !== undefined, { expected })
)

export const CredentialProvider = Schema.Literals(["github", "gitlab", "http"])
export type CredentialProvider = typeof CredentialProvider.Type

const usual = {
  github: { hosts: ["github.com"], username: "x-access-token", env: ["GH_TOKEN"] },
  gitlab: { hosts: ["gitlab.com"], username: "oauth2", env: ["GITLAB_TOKEN"] },
  http: { hosts: [], username: "token", env: [] }
} as const satisfies Record<CredentialProvider, {
  readonly hosts: ReadonlyArray<string>
  readonly username: string
  readonly env: ReadonlyArray<string>
}>

/** How a command that `exec` runs gets it; only where this is set. */
export const HandOver = Schema.Struct({
  /** Variables that hold the token as it is when the command starts: `GH_TOKEN` or `GITLAB_TOKEN`, without. */
  env: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  /** Variables that name the file, which is renewed while the command runs. */
  fileEnv: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  /** Its file stays between turns; where it went, some programs fall back to a login that nobody can reach. */
  retainAcrossTurns: Schema.optionalKey(Schema.Boolean)
})

export const CredentialSettings = Schema.Struct({
  /** Says which hosts and user name are usual; `http` without. */
  provider: Schema.optionalKey(CredentialProvider),
  hosts: Schema.optionalKey(Schema.Array(Host)),
  /** What the source says, or the provider's usual one, without. */
  username: Schema.optionalKey(Schema.NonEmptyString),
  handOver: Schema.optionalKey(HandOver),
  token: SourceSettings
}).check(Schema.makeFilter((settings) => {
  const { sources = [], ...named } = settings.token
  if (Object.keys(named).length === 0) return { path: ["token"], issue: "it names no source" }
  if (sources.includes("environment")) {
    return { path: ["token", "sources"], issue: "environment is the relay's token, which goes nowhere else" }
  }
  return hostsOf(settings).length > 0 || { path: ["hosts"], issue: "it names no host" }
}))
export type CredentialSettings = typeof CredentialSettings.Type

/** The only places that a credential goes to. */
export const hostsOf = ({ hosts, provider = "http" }: Pick<CredentialSettings, "hosts" | "provider">) =>
  hosts ?? usual[provider].hosts

export const usernameOf = ({ provider = "http", username }: CredentialSettings, said: string | undefined): string =>
  username ?? said ?? usual[provider].username

export const tokenVariablesOf = ({ handOver, provider = "http" }: CredentialSettings): ReadonlyArray<string> =>
  handOver?.env ?? usual[provider].env

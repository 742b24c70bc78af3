/** Credentials for git, gh and other programs that take a name and a token: their hosts and their sources. */
import { Schema } from "effect"
import { isLoopback } from "../domain/Authority.ts"
import { SourceSettings } from "./TokenSettings.ts"

const expected = "a host such as \"github.com\", or an http URL of this machine"

/**
 * Gives the host's origin; the scheme is `https` unless one is written. `None` for plain http to another machine, and
 * for what is no host.
 */
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

export const CredentialProvider = Schema.Literals(["github", "gitlab", "google", "jira", "gerrit", "http"])
export type CredentialProvider = typeof CredentialProvider.Type

/** `token` is the token alone; `netrc` and `cookies` name its host and user too. */
const Form = Schema.Literals(["token", "netrc", "cookies"])
export type HandOverForm = typeof Form.Type

interface Usual {
  readonly hosts: ReadonlyArray<string>
  /** Empty where there is none that all accounts share. */
  readonly username: string
  /** Variables for the token, the user, the first host's URL and the file. */
  readonly env?: ReadonlyArray<string>
  readonly usernameEnv?: ReadonlyArray<string>
  readonly urlEnv?: ReadonlyArray<string>
  readonly fileEnv?: ReadonlyArray<string>
  readonly form?: HandOverForm
  readonly retained?: boolean
}

const usual: Readonly<Record<CredentialProvider, Usual>> = {
  github: { hosts: ["github.com"], username: "x-access-token", env: ["GH_TOKEN"] },
  gitlab: { hosts: ["gitlab.com"], username: "oauth2", env: ["GITLAB_TOKEN"] },
  // Without its file gcloud asks for a login, which nobody in a pod can complete.
  google: {
    hosts: ["googleapis.com"],
    username: "oauth2accesstoken",
    fileEnv: ["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"],
    retained: true
  },
  jira: {
    hosts: [],
    username: "",
    env: ["JIRA_API_TOKEN"],
    usernameEnv: ["JIRA_USERNAME", "JIRA_EMAIL"],
    urlEnv: ["JIRA_URL"]
  },
  gerrit: { hosts: [], username: "", fileEnv: ["NETRC"], form: "netrc" },
  http: { hosts: [], username: "token" }
}

/** How a command under `exec` gets the credential. Without this it gets none. */
export const HandOver = Schema.Struct({
  /** Variables that hold the token as it is when the command starts. The default is the provider's own. */
  env: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  /** Variables that name the file. The file is renewed while the command runs. The default is the provider's own. */
  fileEnv: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  /** What the file holds: the token alone, or lines for netrc or a cookie file. */
  form: Schema.optionalKey(Form),
  /** The file stays between turns. Without it some programs fall back to a login that nobody can complete. */
  retainAcrossTurns: Schema.optionalKey(Schema.Boolean)
})

export const CredentialSettings = Schema.Struct({
  /** The provider gives the usual hosts and user name; the default is `http`. */
  provider: Schema.optionalKey(CredentialProvider),
  hosts: Schema.optionalKey(Schema.Array(Host)),
  /** The default is what the source says, else the provider's usual name. */
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

/** The credential goes to these hosts only. */
export const hostsOf = ({ hosts, provider = "http" }: Pick<CredentialSettings, "hosts" | "provider">) =>
  hosts ?? usual[provider].hosts

export const usernameOf = ({ provider = "http", username }: CredentialSettings, said: string | undefined): string =>
  username ?? said ?? usual[provider].username

export const tokenVariablesOf = ({ handOver, provider = "http" }: CredentialSettings): ReadonlyArray<string> =>
  handOver?.env ?? usual[provider].env ?? []

export const usernameVariablesOf = ({ provider = "http" }: CredentialSettings): ReadonlyArray<string> =>
  usual[provider].usernameEnv ?? []

export const urlVariablesOf = ({ provider = "http" }: CredentialSettings): ReadonlyArray<string> =>
  usual[provider].urlEnv ?? []

export const fileVariablesOf = ({ handOver, provider = "http" }: CredentialSettings): ReadonlyArray<string> =>
  handOver?.fileEnv ?? usual[provider].fileEnv ?? []

export const formOf = ({ handOver, provider = "http" }: CredentialSettings): HandOverForm =>
  handOver?.form ?? usual[provider].form ?? "token"

export const isRetained = ({ handOver, provider = "http" }: CredentialSettings): boolean =>
  handOver?.retainAcrossTurns ?? usual[provider].retained ?? false

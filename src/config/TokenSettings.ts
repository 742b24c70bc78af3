/**
 * Where a relay's token comes from (BEHAVIOUR 7). Naming a source is choosing it; several need their order in `sources`.
 *
 * In a command, a URL, headers and secrets, `{agent}` is the agent's name, `{env:NAME}` a variable of the daemon's and
 * `{file:PATH}` a file's text, both read anew with each ask, so that no secret need stand in the configuration. `{{}` is
 * a brace.
 */
import { Redacted, Schema } from "effect"
import { AgentName } from "../domain/Ids.ts"

const named = ["value", "file", "command", "url", "oauth"] as const

export const TokenSourceKind = Schema.Literals([...named, "environment"])
export type TokenSourceKind = typeof TokenSourceKind.Type

const Strings = Schema.Array(Schema.String.annotate({ expected: "text" })).annotate({ expected: "a list of texts" })
const Secret = Schema.RedactedFromValue(Schema.NonEmptyString)

const expectedUrl = "an absolute http or https URL without user and password, or one that starts with {env:NAME}"
const UrlTemplate = Schema.String.annotate({ expected: expectedUrl, description: expectedUrl }).check(
  Schema.makeFilter((text) => {
    if (/^\{env:\w+\}/.test(text)) return true
    const url = URL.parse(text)
    return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
  }, { expected: expectedUrl })
)

/** Where the members of an answer are, outermost name first, as in `data.token`; the first that holds something counts. */
export const AnswerFields = Schema.Struct({
  token: Schema.optionalKey(Strings),
  /** A moment: ISO 8601, or seconds or milliseconds since the epoch. */
  expiresAt: Schema.optionalKey(Strings),
  /** Seconds from now. */
  expiresIn: Schema.optionalKey(Strings),
  subject: Schema.optionalKey(Strings),
  scopes: Schema.optionalKey(Strings),
  username: Schema.optionalKey(Strings)
})
export type AnswerFields = typeof AnswerFields.Type

/** Mints that are known by a name. */
export const mintPresets = {
  "workspace-git": {
    url: "{env:CLOUD_API_URL}/api/git/token?workspaceId={env:WORKSPACE_ID}",
    headers: { authorization: Redacted.make("Bearer {env:WORKSPACE_TOKEN}") },
    fields: { token: ["userToken", "token"] }
  }
} as const

/** An endpoint that mints tokens: its URL alone, or with what it is asked with and how its answer is read. */
export const MintSettings = Schema.Union([
  UrlTemplate,
  Schema.Struct({
    /** `workspace-git`: `/api/git/token` of `CLOUD_API_URL`, with `WORKSPACE_ID` and `WORKSPACE_TOKEN`. */
    preset: Schema.optionalKey(Schema.Literal("workspace-git")),
    url: Schema.optionalKey(UrlTemplate),
    /** GET without. */
    method: Schema.optionalKey(Schema.Literals(["GET", "POST"])),
    headers: Schema.optionalKey(Schema.Record(Schema.String, Secret)),
    body: Schema.optionalKey(Secret),
    fields: Schema.optionalKey(AnswerFields)
  }).check(
    Schema.makeFilter(({ preset, url }) => url !== undefined || preset !== undefined || "it needs a url or a preset")
  )
])
export type MintSettings = typeof MintSettings.Type

/**
 * OAuth 2 client credentials. They are for one authorization server, which the settings name: `issuer` or
 * `tokenEndpoint`. Scope and resource, where not set, are what the relay's own metadata says.
 */
export const OAuthSettings = Schema.Struct({
  clientId: Schema.NonEmptyString,
  clientSecret: Schema.optionalKey(Secret),
  /** In PEM, to sign with in the place of a secret (`private_key_jwt`); RSA, P-256 or Ed25519. */
  privateKey: Schema.optionalKey(Secret),
  scope: Schema.optionalKey(Schema.NonEmptyString),
  /** The authorization server, whose metadata name the token endpoint. */
  issuer: Schema.optionalKey(UrlTemplate),
  /** In the place of the issuer's metadata. */
  tokenEndpoint: Schema.optionalKey(UrlTemplate),
  /** What the token is for; without, what the relay's metadata says, else the relay's URL. */
  resource: Schema.optionalKey(UrlTemplate)
}).check(
  Schema.makeFilter(({ clientSecret, issuer, privateKey, tokenEndpoint }) => {
    if (issuer === undefined && tokenEndpoint === undefined) {
      return "it needs an issuer or a tokenEndpoint: whom the credentials are for is not for the relay to say"
    }
    return clientSecret === undefined || privateKey === undefined
      || "clientSecret and privateKey are both set: one is enough"
  })
)
export type OAuthSettings = typeof OAuthSettings.Type

const sourceFields = {
  /** The token itself; better a file or the environment, since configuration files get shared. */
  value: Schema.optionalKey(Secret),
  /** A file that holds the token, re-read when it changes. */
  file: Schema.optionalKey(Schema.NonEmptyString),
  /** Run by the shell; prints the token, or JSON with `token`, `expiresAt`, `scopes`. */
  command: Schema.optionalKey(Schema.NonEmptyString),
  url: Schema.optionalKey(MintSettings),
  oauth: Schema.optionalKey(OAuthSettings),
  /** The order to ask several sources in. */
  sources: Schema.optionalKey(Schema.Array(TokenSourceKind))
}

/** The sources that are set, in the order of `sources` where that is given. */
export const namedSources = (settings: SourceSettings): ReadonlyArray<TokenSourceKind> =>
  settings.sources ?? named.filter((kind) => settings[kind] !== undefined)

/** What is wrong with them together. */
export const inconsistency = (settings: SourceSettings): string | undefined => {
  const { sources } = settings
  const set = named.filter((kind) => settings[kind] !== undefined)
  if (sources === undefined) {
    if (set.length < 2) return undefined
    return `${set.join(" and ")} are both set: say in \`sources\` in which order to ask them`
  }
  const absent = sources.find((source) => source !== "environment" && !set.includes(source))
  if (absent !== undefined) return `${absent} is listed but not set`
  const unlisted = set.find((name) => !sources.includes(name))
  return unlisted === undefined ? undefined : `${unlisted} is set but not listed`
}

const consistent = Schema.makeFilter((settings: SourceSettings) => {
  const issue = inconsistency(settings)
  return issue === undefined || settings.sources === undefined ? issue : { path: ["sources"], issue }
})

export const SourceSettings = Schema.Struct(sourceFields).check(consistent)
export interface SourceSettings extends Schema.Struct.Type<typeof sourceFields> {}

export const TokenSettings = Schema.Struct({
  ...sourceFields,
  /** Agents with a source of their own, in the place of all that is set beside this. */
  agents: Schema.optionalKey(Schema.Record(AgentName, SourceSettings))
}).check(consistent)
export type TokenSettings = typeof TokenSettings.Type

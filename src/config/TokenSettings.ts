/**
 * Where a relay's token comes from (BEHAVIOUR 7). To name a source is to choose it; several sources need their order in
 * `sources`.
 *
 * In a command, a URL, headers and secrets, `{agent}` is the agent's name, `{env:NAME}` a variable of the daemon's,
 * `{file:PATH}` a file's text. Both are read anew with each request, so no secret need stand in the configuration.
 * `{{}` is a brace.
 */
import { Redacted, Schema } from "effect"
import { AgentName } from "../domain/Ids.ts"

const named = ["value", "file", "command", "url", "oauth", "uplink"] as const

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

/**
 * Where each value stands in an answer, outermost name first, as in `data.token`. The first path with a value counts.
 */
export const AnswerFields = Schema.Struct({
  token: Schema.optionalKey(Strings),
  /** A time: ISO 8601, or seconds or milliseconds since the epoch. */
  expiresAt: Schema.optionalKey(Strings),
  /** Seconds from now. */
  expiresIn: Schema.optionalKey(Strings),
  subject: Schema.optionalKey(Strings),
  scopes: Schema.optionalKey(Strings),
  username: Schema.optionalKey(Strings)
})
export type AnswerFields = typeof AnswerFields.Type

/** Mints that Holdfast knows by name. */
export const mintPresets = {
  "workspace-git": {
    url: "{env:CLOUD_API_URL}/api/git/token?workspaceId={env:WORKSPACE_ID}",
    headers: { authorization: Redacted.make("Bearer {env:WORKSPACE_TOKEN}") },
    fields: { token: ["userToken", "token"] }
  }
} as const

/** An endpoint that mints tokens: its URL alone, or with the request to send and the way to read its answer. */
export const MintSettings = Schema.Union([
  UrlTemplate,
  Schema.Struct({
    /** `workspace-git`: `/api/git/token` of `CLOUD_API_URL`, with `WORKSPACE_ID` and `WORKSPACE_TOKEN`. */
    preset: Schema.optionalKey(Schema.Literal("workspace-git")),
    url: Schema.optionalKey(UrlTemplate),
    /** The default is GET. */
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
 * OAuth 2 client credentials. They belong to one authorization server, which the settings name: `issuer` or
 * `tokenEndpoint`. The relay's metadata gives scope and resource where the settings do not.
 */
export const OAuthSettings = Schema.Struct({
  clientId: Schema.NonEmptyString,
  clientSecret: Schema.optionalKey(Secret),
  /** A PEM key that signs in the place of a secret (`private_key_jwt`): RSA, P-256 or Ed25519. */
  privateKey: Schema.optionalKey(Secret),
  scope: Schema.optionalKey(Schema.NonEmptyString),
  /** The authorization server. Its metadata names the token endpoint. */
  issuer: Schema.optionalKey(UrlTemplate),
  /** Used instead of the issuer's metadata. */
  tokenEndpoint: Schema.optionalKey(UrlTemplate),
  /** The resource that the token is for. The default is what the relay's metadata says, else the relay's URL. */
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

const expectedPushed = "the uplink's name and the credential's, such as \"platform/relay\""
const PushedName = Schema.String.annotate({ expected: expectedPushed, description: expectedPushed }).check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { expected: expectedPushed })
)

const sourceFields = {
  /** The token itself. A file or a variable is better, since people share configuration files. */
  value: Schema.optionalKey(Secret),
  /** A file that holds the token; Holdfast reads it again when it changes. */
  file: Schema.optionalKey(Schema.NonEmptyString),
  /** A command that the shell runs. It prints the token, or JSON with `token`, `expiresAt`, `scopes`. */
  command: Schema.optionalKey(Schema.NonEmptyString),
  url: Schema.optionalKey(MintSettings),
  oauth: Schema.optionalKey(OAuthSettings),
  /** `<uplink>/<credential>`: what the control plane of that uplink pushes under that name; it is in memory alone. */
  uplink: Schema.optionalKey(PushedName),
  /** The order in which several sources are asked. */
  sources: Schema.optionalKey(Schema.Array(TokenSourceKind))
}

/** The sources that are set, in the order of `sources` where there is one. */
export const namedSources = (settings: SourceSettings): ReadonlyArray<TokenSourceKind> =>
  settings.sources ?? named.filter((kind) => settings[kind] !== undefined)

/** Says what is wrong with the sources together. */
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
  /** Agents with a source of their own, which replaces all that is set beside this. */
  agents: Schema.optionalKey(Schema.Record(AgentName, SourceSettings))
}).check(consistent)
export type TokenSettings = typeof TokenSettings.Type

/** Each set of sources at this place: that of all, and those of agents. */
export const sourcesIn = (path: ReadonlyArray<string>, { agents = {}, uplink }: TokenSettings) => [
  { path, uplink },
  ...Object.entries(agents).map(([agent, own]) => ({ path: [...path, "agents", agent], uplink: own.uplink }))
]

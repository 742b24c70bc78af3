/**
 * Every setting, its bounds and its default; the editor's JSON schema is generated from this.
 *
 * A setting's environment variable is its path in upper snake case: `outbox.bufferable` is `HOLDFAST_OUTBOX_BUFFERABLE`.
 * Durations are written `"30 seconds"`, sizes `"256 MiB"`.
 */
import { ByteSize, Context, Duration as Durations, Effect, Option, Schema } from "effect"
import * as Authority from "../domain/Authority.ts"
import { defaultRelay, RelayId } from "../domain/Ids.ts"
import { CredentialSettings } from "./CredentialSettings.ts"
import { RelayHeaders } from "./RelayHeaders.ts"
import { sourcesIn, TokenSettings } from "./TokenSettings.ts"
import { UplinkSettings } from "./UplinkSettings.ts"

export const LogLevel = Schema.Literals(["debug", "info", "warning", "error"])
export type LogLevel = typeof LogLevel.Type

const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

const section = <F extends Schema.Struct.Fields>(fields: F) =>
  Schema.Struct(fields).pipe(Schema.withDecodingDefaultKey(Effect.succeed({} as never)))

/** A text whose form `expected` describes, for the user and for the editor. */
const text = (expected: string, accepts: (text: string) => boolean) =>
  Schema.String.annotate({ expected, description: expected }).check(Schema.makeFilter(accepts, { expected }))

const integer = (expected: string, minimum: number, maximum: number) =>
  Schema.Number.annotate({ expected, description: expected }).check(
    Schema.isInt({ expected }),
    Schema.isBetween({ minimum, maximum }, { expected })
  )

const decodeDuration = Schema.decodeOption(Schema.DurationFromString)
const decodeSize = Schema.decodeOption(Schema.ByteSizeFromString)
const isFinitePositive = (duration: Durations.Duration) =>
  Durations.isFinite(duration) && Durations.isGreaterThan(duration, Durations.zero)

const Strings = Schema.Array(Schema.String.annotate({ expected: "text" })).annotate({ expected: "a list of texts" })
const Flag = Schema.Boolean.annotate({ expected: "true or false" })
const Positive = integer("an integer greater than 0", 1, Number.MAX_SAFE_INTEGER)
const Port = integer("a port from 0 to 65535", 0, 65535)
const Duration = text(
  "a duration such as \"30 seconds\"",
  (text) => Option.exists(decodeDuration(text), isFinitePositive)
).pipe(Schema.decodeTo(Schema.DurationFromString))
const Size = text("a size such as \"256 MiB\"", (text) => Option.isSome(decodeSize(text))).pipe(
  Schema.decodeTo(Schema.ByteSizeFromString)
)
const RelayUrl = text(
  "an absolute http or https URL without user and password, or the file of a local relay's socket as unix:///path",
  (text) => {
    const url = URL.parse(text)
    if (url === null || url.username !== "" || url.password !== "") return false
    if (url.protocol === "unix:") {
      return url.host === "" && url.pathname.length > 1 && url.search === "" && url.hash === ""
    }
    return /^https?:$/.test(url.protocol)
  }
)

/** Reads where to listen; an IPv6 address is in brackets. */
export const listenAddress = (text: string): Option.Option<{ readonly host: string; readonly port: number }> =>
  Option.flatMap(Authority.parse(text), ({ name, port }) =>
    port === undefined || Number(port) > 65535
      ? Option.none()
      : Option.some({ host: name.replaceAll(/^\[|\]$/g, ""), port: Number(port) }))

const ListenAddress = text(
  "an address and a port such as \"127.0.0.1:9464\" or \"[::]:9464\"",
  (text) => Option.isSome(listenAddress(text))
)

const ToolName = text(
  "1 to 64 letters, digits, dashes or underscores",
  (text) => /^[A-Za-z0-9_-]{1,64}$/.test(text)
)

/** As a client id metadata document's URL has to be (draft-ietf-oauth-client-id-metadata-document, section 3). */
const MetadataUrl = text("an https URL with a path, and without user, password and fragment", (text) => {
  const url = URL.parse(text)
  return url !== null && url.protocol === "https:" && url.username === "" && url.password === "" && url.hash === ""
    && url.pathname !== "/"
})

export const RelaySettings = Schema.Struct({
  url: RelayUrl,
  /** Allows the token to go over plain http to another machine, where everybody on the way can read it. */
  plainHttp: Schema.optionalKey(Flag),
  /** Agents get a tool only with a definition that was approved by "holdfast tools approve". */
  pinTools: Schema.optionalKey(Flag),
  /** Sent with each request, beside the token; `{env:NAME}` is a variable of the daemon's, `{file:PATH}` a file's text. */
  headers: Schema.optionalKey(RelayHeaders),
  token: or(TokenSettings, {})
})
export type RelaySettings = typeof RelaySettings.Type

const isRelayId = Schema.is(RelayId)
/** By name. `relay` and `token` describe the relay that is called `default`. */
const Relays = Schema.Record(Schema.String, RelaySettings).check(
  Schema.makeFilter((relays) =>
    Object.keys(relays).filter((name) => !isRelayId(name) || name === defaultRelay).map((name) => ({
      path: [name],
      issue: name === defaultRelay
        ? "the default relay is set by relay.url and token"
        : "a relay's name is 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first"
    }))
  )
)

const Uplinks = Schema.Record(Schema.String, UplinkSettings).check(
  Schema.makeFilter((uplinks) =>
    Object.keys(uplinks).filter((name) => !isRelayId(name)).map((name) => ({
      path: [name],
      issue: "an uplink's name is 1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first"
    }))
  )
)

/** The agent's state gives these facts; further facts have other names. */
const givenFacts = ["isolatedWorktree"]

const Facts = Strings.check(
  Schema.makeFilter((facts) =>
    facts.flatMap((fact, index) =>
      givenFacts.includes(fact) ? [{ path: [index], issue: `${fact} is given by the agent's state` }] : []
    )
  )
)

/** Hides these tools unless a fact of the agent's context holds. */
export const MenuRule = Schema.Struct({
  tools: Strings,
  needs: Schema.String,
  reason: Schema.optionalKey(Schema.String)
})
export type MenuRule = typeof MenuRule.Type

export const workspaceTools = ["status", "ready", "deps", "list", "claim", "release", "land"]
  .map((name) => `relay_workspace_${name}`)

export const SettingsSchema = Schema.Struct({
  $schema: Schema.optionalKey(Schema.String),
  dataDir: Schema.optionalKey(Schema.NonEmptyString),
  listen: section({
    host: or(Schema.String, "127.0.0.1"),
    port: or(Port, 4851),
    allowedHosts: or(Strings, []),
    allowedOrigins: or(Strings, []),
    maxBody: or(Size, "4 MiB")
  }),
  relay: section({
    url: Schema.optionalKey(RelayUrl),
    /** Whether its token may go over plain http to another machine, where everybody on the way can read it. */
    plainHttp: Schema.optionalKey(Flag),
    /** Agents get a tool only with a definition that was approved by "holdfast tools approve". */
    pinTools: Schema.optionalKey(Flag),
    /** The daemon runs the relay that ships with Holdfast, as with `serve --embedded`. */
    embedded: Schema.optionalKey(Flag),
    /** For relays that are reached over a local socket. */
    socket: section({
      handshakeTimeout: or(Duration, "5 seconds"),
      /** Without a frame for that long the relay is gone. */
      silence: or(Duration, "30 seconds"),
      sendTimeout: or(Duration, "30 seconds"),
      /** How long an acknowledgement is waited for once the relay has answered what was sent behind the message. */
      ackWait: or(Duration, "500 millis"),
      queryTimeout: or(Duration, "5 seconds"),
      spawnTimeout: or(Duration, "30 seconds"),
      releaseTimeout: or(Duration, "10 seconds"),
      /** After so long without a call an agent's connection is closed. */
      idle: or(Duration, "5 minutes")
    })
  }),
  embedded: section({
    /** The relay that ships with Holdfast listens on a Unix socket too: `relay/relay.sock` in the data directory. */
    socket: or(Flag, false)
  }),
  token: or(TokenSettings, {}),
  relays: or(Relays, {}),
  login: section({
    /** Of a client id metadata document, as which Holdfast logs in where the server takes those. */
    clientMetadata: Schema.optionalKey(MetadataUrl)
  }),
  /** The user chooses the names. */
  credentials: or(Schema.Record(Schema.String, CredentialSettings), {}),
  link: section({
    connectTimeout: or(Duration, "5 seconds"),
    probeTimeout: or(Duration, "5 seconds"),
    silence: or(Duration, "10 seconds"),
    backoffBase: or(Duration, "500 millis"),
    backoffCap: or(Duration, "30 seconds"),
    backoffCapLoopback: or(Duration, "2 seconds"),
    healthyAfter: or(Duration, "30 seconds"),
    outageGrace: or(Duration, "5 seconds"),
    outageGraceLater: or(Duration, "2 seconds"),
    fallbackAfter: or(Duration, "3 seconds"),
    fallbackUnknownAfter: or(Duration, "8 seconds"),
    listTimeout: or(Duration, "10 seconds"),
    readTimeout: or(Duration, "30 seconds"),
    /** Hard, where it is set. Without, a call of a relay that is alive ends with its client's timeout; see `CallTimeouts`. */
    callTimeout: Schema.optionalKey(Duration),
    streamSilence: or(Duration, "5 minutes")
  }),
  sessions: section({
    expireAfter: or(Duration, "30 days"),
    max: or(Positive, 10_000)
  }),
  streams: section({
    answerAsStreamAfter: or(Duration, "10 seconds"),
    /** Where the client cannot resume it, before MCP 2025-11-25 and in the era without sessions: shortly before its header timeout. */
    modernAnswerAsStreamAfter: or(Duration, "50 seconds"),
    /** To a client that asked for progress, after so long without a word. */
    answerProgress: or(Duration, "50 seconds"),
    answerComment: or(Duration, "15 seconds"),
    comment: or(Duration, "25 seconds"),
    replayPerSession: or(Size, "256 KiB"),
    replayInAll: or(Size, "64 MiB")
  }),
  outbox: section({
    bufferable: or(Strings, ["relay_send_message", "relay_reply", "relay_workspace_ready"]),
    callIds: or(Strings, ["claudecode/toolUseId", "callId"]),
    onUnknown: Schema.optionalKey(Schema.Literals(["resend", "dead"])),
    lane: Schema.optionalKey(Schema.String),
    maxEntries: or(Positive, 10_000),
    maxBytes: or(Size, "256 MiB"),
    maxEntryBytes: or(Size, "1 MiB"),
    expireAfter: or(Duration, "7 days"),
    keepDelivered: or(Duration, "24 hours"),
    workers: or(Positive, 8),
    waitForLane: or(Duration, "10 seconds"),
    retries: or(Positive, 10),
    retryBase: or(Duration, "1 second"),
    retryCap: or(Duration, "60 seconds"),
    retryHeld: or(Duration, "5 minutes")
  }),
  results: section({
    /** How long the results of calls whose agent was gone are kept, and how many and how much for each agent and relay. */
    keep: or(Duration, "24 hours"),
    max: or(Positive, 100),
    maxBytes: or(Size, "16 MiB"),
    /** What a client of the era without sessions means that closes the response to a call: it is gone, or takes it back. */
    onClose: or(Schema.Literals(["keep", "cancel"]), "keep"),
    /** The name of a tool by which agents read their own results; Holdfast answers it. */
    tool: Schema.optionalKey(ToolName)
  }),
  menu: section({
    rules: or(Schema.Array(MenuRule), [{
      tools: workspaceTools,
      needs: "isolatedWorktree",
      reason: "they act on a worktree of the agent's own"
    }]),
    /** Whether the rules hide tools: from all that obey list_changed, from nobody, or as it is worth it (`auto`). */
    narrow: or(Schema.Literals(["auto", "always", "never"]), "auto"),
    /** By `clientInfo.name`: clients that keep definitions out of their model's context by themselves. */
    searchesTools: or(Strings, ["claude-code"]),
    ignoresListChanged: or(Strings, ["codex-mcp-client"]),
    coalesce: or(Duration, "250 millis")
  }),
  context: section({
    ready: or(Strings, ["relay_workspace_ready"]),
    land: or(Strings, ["relay_workspace_land"]),
    release: or(Strings, ["relay_workspace_release"]),
    facts: or(Facts, []),
    git: section({
      attach: or(Flag, true),
      branch: or(Flag, true),
      merge: or(Flag, true),
      removal: or(Flag, true),
      base: Schema.optionalKey(Schema.NonEmptyString),
      pollInterval: or(Duration, "2 seconds")
    })
  }),
  journal: section({
    /** Arguments and results of calls are in it where this is `full`: without what is known to be a secret. */
    content: or(Schema.Literals(["none", "full"]), "none"),
    keep: or(Duration, "7 days"),
    maxRecords: or(Positive, 100_000),
    maxBytes: or(Size, "64 MiB"),
    /** How long the relay's stream is read on after an agent's last reader left. */
    betweenRuns: or(Duration, "10 minutes")
  }),
  inbox: section({
    /** Unread messages of one agent, and bytes of all that are kept of one. */
    max: or(Positive, 1000),
    maxBytes: or(Size, "16 MiB"),
    maxBody: or(Size, "256 KiB"),
    /** How long the text of a message is kept once it was read. */
    keepRead: or(Duration, "7 days"),
    /** The name of a tool by which agents read their own messages; Holdfast answers it. */
    tool: Schema.optionalKey(ToolName)
  }),
  /** Control planes, by name. */
  uplinks: or(Uplinks, {}),
  observe: section({
    /** Where probes and scrapers of other machines find /healthz, /readyz and /metrics, and nothing else. */
    listen: Schema.optionalKey(ListenAddress)
  }),
  log: section({
    level: or(LogLevel, "info"),
    format: Schema.optionalKey(Schema.Literals(["pretty", "json", "logfmt"]))
  })
}).check(
  Schema.makeFilter(({ context, credentials, menu, relays, token, uplinks }) => {
    const sources = [
      ...sourcesIn(["token"], token),
      ...Object.entries(relays).flatMap(([name, relay]) => sourcesIn(["relays", name, "token"], relay.token)),
      ...Object.entries(credentials).flatMap(([name, credential]) =>
        sourcesIn(["credentials", name, "token"], credential.token)
      ),
      ...Object.entries(uplinks).flatMap(([name, uplink]) => sourcesIn(["uplinks", name, "token"], uplink.token))
    ]
    const unknown = sources.flatMap(({ path, uplink = "" }) => {
      const [name = ""] = uplink.split("/")
      if (uplink === "" || (Object.hasOwn(uplinks, name) && !(path[0] === "uplinks" && path[1] === name))) return []
      return [{ path: [...path, "uplink"], issue: `no other uplink is called "${name}"` }]
    })
    const known = [...givenFacts, ...context.facts]
    const withoutFact = menu.rules.flatMap(({ needs }, index) =>
      known.includes(needs)
        ? []
        : [{
          path: ["menu", "rules", index, "needs"],
          issue: `no fact is called "${needs}"; there is ${known.join(", ")}`
        }]
    )
    return [...withoutFact, ...unknown]
  })
)
export type SettingsValues = typeof SettingsSchema.Type

/** The settings in force, decoded and checked. */
export class Settings extends Context.Service<Settings, SettingsValues>()("holdfast/config/Settings") {}

/** Decodes settings in encoded form; the rest has its default. Tests and embedding programs begin here. */
export const settingsFrom = (input: typeof SettingsSchema.Encoded): SettingsValues =>
  Schema.decodeUnknownSync(SettingsSchema)(input)

/** Gives a size as a number of bytes, to compare with lengths. */
export const bytes = (size: ByteSize.ByteSize): number => ByteSize.toNumberUnsafe(size)

/** Gives the relays that the settings name, the default one first; an empty list where none is configured. */
export const relayTargets = (settings: SettingsValues): ReadonlyArray<RelayTarget["Service"]> => [
  ...settings.relay.url === undefined
    ? []
    : [{
      id: defaultRelay,
      url: new URL(settings.relay.url),
      token: settings.token,
      plainHttp: settings.relay.plainHttp === true,
      pinTools: settings.relay.pinTools === true
    }],
  ...Object.entries(settings.relays).map(([name, { headers, pinTools, plainHttp, token, url }]) => ({
    id: RelayId.make(name),
    url: new URL(url),
    token,
    plainHttp: plainHttp === true,
    pinTools: pinTools === true,
    ...(headers === undefined ? {} : { headers })
  }))
]

/** The relay that the services beside it belong to: its name, its URL, its token's source. */
export class RelayTarget extends Context.Service<RelayTarget, {
  readonly id: RelayId
  readonly url: URL
  readonly token: TokenSettings
  /** Whether a token may go over plain http to another machine. */
  readonly plainHttp?: boolean
  /** Whether an agent gets a tool only with a definition that was approved. */
  readonly pinTools?: boolean
  /** Sent with each request. */
  readonly headers?: NonNullable<RelaySettings["headers"]>
}>()("holdfast/config/RelayTarget") {}

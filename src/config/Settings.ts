/**
 * Every setting, its bounds and its default; the editor's JSON schema is generated from this.
 *
 * A setting's environment variable is its path in upper snake case: `outbox.bufferable` is `HOLDFAST_OUTBOX_BUFFERABLE`.
 * Durations are written `"30 seconds"`, sizes `"256 MiB"`.
 */
import { ByteSize, Context, Effect, Schema } from "effect"
import { RelayId } from "../domain/Ids.ts"

const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

const section = <F extends Schema.Struct.Fields>(fields: F) =>
  Schema.Struct(fields).pipe(Schema.withDecodingDefaultKey(Effect.succeed({} as never)))

const Strings = Schema.Array(Schema.String)
const Positive = Schema.Int.check(Schema.isGreaterThan(0))
const Duration = Schema.DurationFromString
const Size = Schema.ByteSizeFromString
const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))

/** Where a relay's token comes from; naming one is choosing it. `{agent}` in a file's path is the agent's name. */
export const TokenSettings = Schema.Struct({
  /** The token itself; better a file or the environment, since configuration files get shared. */
  value: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)),
  /** A file that holds the token, re-read when it changes. */
  file: Schema.optionalKey(Schema.String),
  /** The order to ask several sources in: `value`, `file`, `environment`. */
  sources: Schema.optionalKey(Schema.Array(Schema.Literals(["value", "file", "environment"])))
})
export type TokenSettings = typeof TokenSettings.Type

export const RelaySettings = Schema.Struct({
  url: Schema.String,
  token: or(TokenSettings, {})
})
export type RelaySettings = typeof RelaySettings.Type

/** Tools that are shown only while a fact of the agent's context holds. */
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
  dataDir: Schema.optionalKey(Schema.String),
  listen: section({
    host: or(Schema.String, "127.0.0.1"),
    port: or(Port, 4851),
    allowedHosts: or(Strings, []),
    allowedOrigins: or(Strings, []),
    maxBody: or(Size, "4 MiB")
  }),
  relay: section({ url: Schema.optionalKey(Schema.String) }),
  token: or(TokenSettings, {}),
  relays: or(Schema.Record(Schema.String, RelaySettings), {}),
  link: section({
    connectTimeout: or(Duration, "5 seconds"),
    probeTimeout: or(Duration, "5 seconds"),
    silence: or(Duration, "10 seconds"),
    backoffBase: or(Duration, "500 millis"),
    backoffCap: or(Duration, "30 seconds"),
    backoffCapLoopback: or(Duration, "2 seconds"),
    healthyAfter: or(Duration, "30 seconds"),
    waitYoung: or(Duration, "5 seconds"),
    waitOld: or(Duration, "2 seconds"),
    fallbackAfter: or(Duration, "3 seconds"),
    fallbackUnknownAfter: or(Duration, "8 seconds"),
    listTimeout: or(Duration, "10 seconds"),
    readTimeout: or(Duration, "30 seconds"),
    callTimeout: or(Duration, "10 minutes"),
    streamSilence: or(Duration, "5 minutes")
  }),
  sessions: section({
    expireAfter: or(Duration, "30 days"),
    most: or(Positive, 10_000)
  }),
  streams: section({
    answerAsStreamAfter: or(Duration, "10 seconds"),
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
  menu: section({
    rules: or(Schema.Array(MenuRule), [{ tools: workspaceTools, needs: "isolatedWorktree" }]),
    ignoresListChanged: or(Strings, ["codex-mcp-client"]),
    coalesce: or(Duration, "250 millis")
  }),
  context: section({
    ready: or(Strings, ["relay_workspace_ready"]),
    land: or(Strings, ["relay_workspace_land"]),
    release: or(Strings, ["relay_workspace_release"])
  }),
  log: section({
    level: or(Schema.Literals(["debug", "info", "warning", "error"]), "info"),
    format: Schema.optionalKey(Schema.Literals(["pretty", "json", "logfmt"]))
  })
})
export type SettingsValues = typeof SettingsSchema.Type

/** The settings in force, decoded and checked. */
export class Settings extends Context.Service<Settings, SettingsValues>()("holdfast/config/Settings") {}

/** The settings with nothing set but what is given, in encoded form; what tests and embedding programs start from. */
export const settingsFrom = (input: typeof SettingsSchema.Encoded): SettingsValues =>
  Schema.decodeUnknownSync(SettingsSchema)(input)

/** A size in bytes as a plain number, for comparing with lengths. */
export const bytes = (size: ByteSize.ByteSize): number => ByteSize.toNumberUnsafe(size)

/** The relay that one `LayerMap` entry serves: its name, where it is, where its token comes from. */
export class RelayTarget extends Context.Service<RelayTarget, {
  readonly id: RelayId
  readonly url: URL
  readonly token: TokenSettings
}>()("holdfast/config/RelayTarget") {}

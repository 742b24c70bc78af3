/** Uplinks: control planes that are told what happens here, and that send messages and credentials (BEHAVIOUR 14). */
import { Duration as Durations, Effect, Option, Schema } from "effect"
import { isLoopback } from "../domain/Authority.ts"
import { AgentName } from "../domain/Ids.ts"
import { SourceSettings } from "./TokenSettings.ts"

const expectedUrl = "an http or https URL without user, password, query and fragment"
const PlaneUrl = Schema.String.annotate({ expected: expectedUrl, description: expectedUrl }).check(
  Schema.makeFilter((text) => {
    const url = URL.parse(text)
    return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
      && url.search === "" && url.hash === ""
  }, { expected: expectedUrl })
)

const expectedInFlight = "an integer from 1 to 64"
const InFlight = Schema.Number.annotate({ expected: expectedInFlight, description: expectedInFlight }).check(
  Schema.isInt({ expected: expectedInFlight }),
  Schema.isBetween({ minimum: 1, maximum: 64 }, { expected: expectedInFlight })
)

const decodeDuration = Schema.decodeOption(Schema.DurationFromString)
const expectedTimeout = "a duration such as \"5 seconds\""
const Timeout = Schema.String.annotate({ expected: expectedTimeout, description: expectedTimeout }).check(
  Schema.makeFilter(
    (text) =>
      Option.exists(
        decodeDuration(text),
        (given) => Durations.isFinite(given) && Durations.isGreaterThan(given, Durations.zero)
      ),
    { expected: expectedTimeout }
  )
).pipe(Schema.decodeTo(Schema.DurationFromString))

const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

const Strings = Schema.Array(Schema.String.annotate({ expected: "text" })).annotate({ expected: "a list of texts" })
const Flag = Schema.Boolean.annotate({ expected: "true or false" })

export const UplinkSettings = Schema.Struct({
  url: PlaneUrl,
  /** A file with the certificates (PEM) that the plane's has to come from, in the place of the system's. */
  ca: Schema.optionalKey(Schema.NonEmptyString),
  /** Allows token and records to go over plain http to another machine, where everybody on the way can read them. */
  plainHttp: Schema.optionalKey(Flag),
  token: or(SourceSettings, {}),
  /** The plane's id of the session that this Holdfast serves. */
  session: Schema.NonEmptyString,
  /** Whose records go to the plane, beside the daemon's and the relays'; the first gets its messages. All, and `default`. */
  agents: Schema.optionalKey(Schema.NonEmptyArray(AgentName)),
  /** Types of records, with globs. */
  push: or(Strings, ["*"]),
  /** Whether messages and credentials are taken from the session. */
  watch: or(Flag, true),
  /** The plane's ids of agents whose inbox there is watched, too. */
  inboxes: or(Schema.Record(AgentName, Schema.NonEmptyString), {}),
  inFlight: or(InFlight, 64),
  /** For one record. */
  timeout: or(Timeout, "5 seconds")
}).check(Schema.makeFilter(({ plainHttp, url }) => {
  const parsed = URL.parse(url)
  return parsed === null || parsed.protocol === "https:" || isLoopback(parsed.hostname) || plainHttp === true
    || { path: ["url"], issue: "over plain http a token goes to this machine alone, unless plainHttp is true" }
}))
export type UplinkSettings = typeof UplinkSettings.Type

/**
 * Puts one response into the form of either era (MCP 2026-07-28, changes): `resultType` and caching hints on results,
 * `initialize` and `server/discover`. It splices, so what both eras share stays byte for byte.
 */
import { Option, Predicate, Schema } from "effect"
import * as Envelope from "./Envelope.ts"
import * as JsonText from "./JsonText.ts"
import { factsOf } from "./Methods.ts"
import { modernVersions } from "./ProtocolVersion.ts"

const absent = (text: string, key: string): boolean => JsonText.at(text, [key]) === undefined
const withMember = (text: string, key: string, value: string): string =>
  absent(text, key) ? JsonText.set(text, [key], value) : text

/**
 * Completes a result for the modern era: without `resultType` it is complete, and what could be cached is not cached.
 */
export const modernResult = (result: string, method: string): string => {
  const typed = withMember(result, "resultType", "\"complete\"")
  return factsOf(method).cacheable ? withMember(withMember(typed, "ttlMs", "0"), "cacheScope", "\"private\"") : typed
}

/** Removes from a result what only the modern era knows. */
export const legacyResult = (result: string): string =>
  [["resultType"], ["ttlMs"], ["cacheScope"], ["_meta", Envelope.serverInfo]].reduce(JsonText.remove, result)

/** A response with its result in modern form; an error stays as it is. */
export const modernResponse = (response: string, method: string): string => {
  const result = JsonText.at(response, ["result"])
  return result === undefined ? response : JsonText.set(response, ["result"], modernResult(result, method))
}

/** A response with its result in legacy form; an error stays as it is. */
export const legacyResponse = (response: string): string => {
  const result = JsonText.at(response, ["result"])
  return result === undefined ? response : JsonText.set(response, ["result"], legacyResult(result))
}

const isDiscovery = (greeting: string): boolean => !absent(greeting, "supportedVersions")

const member = (name: string, value: string | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : [`"${name}":${value}`]

/** Turns what a server says of itself into an InitializeResult; `version` is the revision that it names. */
export const asInitializeResult = (greeting: string, version: string): string => {
  const named = JSON.stringify(version)
  if (!isDiscovery(greeting)) return JsonText.set(greeting, ["protocolVersion"], named)
  return `{${
    [
      `"protocolVersion":${named}`,
      ...member("capabilities", JsonText.at(greeting, ["capabilities"]) ?? "{}"),
      ...member(
        "serverInfo",
        JsonText.at(greeting, ["_meta", Envelope.serverInfo]) ?? `{"name":"unknown","version":"0"}`
      ),
      ...member("instructions", JsonText.at(greeting, ["instructions"]))
    ].join(",")
  }}`
}

/** Turns what a server says of itself into a DiscoverResult. */
export const asDiscoverResult = (greeting: string): string => {
  if (isDiscovery(greeting)) return modernResult(greeting, "server/discover")
  const info = JsonText.at(greeting, ["serverInfo"])
  const result = `{${
    [
      `"supportedVersions":${JSON.stringify(modernVersions)}`,
      ...member("capabilities", JsonText.at(greeting, ["capabilities"]) ?? "{}"),
      ...member("instructions", JsonText.at(greeting, ["instructions"])),
      ...(info === undefined ? [] : [`"_meta":{"${Envelope.serverInfo}":${info}}`])
    ].join(",")
  }}`
  return modernResult(result, "server/discover")
}

const decodeInitialize = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({
  protocolVersion: Schema.String,
  capabilities: Schema.Unknown,
  serverInfo: Schema.Struct({ name: Schema.String, version: Schema.String })
})))

/** Whether the text is an answer to `initialize` that a client can use (MCP 2025-11-25, lifecycle). */
export const isInitializeResult = (text: string): boolean =>
  Option.exists(decodeInitialize(text), ({ capabilities }) => Predicate.isReadonlyObject(capabilities))

/**
 * Reads and writes what a modern request says of itself in `params._meta`, where a legacy one has a session (MCP
 * 2026-07-28, basic, `_meta`).
 */
import { Predicate } from "effect"
import * as JsonText from "./JsonText.ts"
import { modernVersions } from "./ProtocolVersion.ts"

const prefix = "io.modelcontextprotocol/"

/** Keys of a request's `_meta`. */
export const protocolVersion = `${prefix}protocolVersion`
export const clientInfo = `${prefix}clientInfo`
export const clientCapabilities = `${prefix}clientCapabilities`
export const logLevel = `${prefix}logLevel`
/** Key of a notification's `_meta`: the id of the `subscriptions/listen` that it answers. */
export const subscriptionId = `${prefix}subscriptionId`
/** Key of a result's `_meta`. */
export const serverInfo = `${prefix}serverInfo`

type Params = Readonly<Record<string, unknown>>

const metaOf = (params: Params): Readonly<Record<string, unknown>> | undefined => {
  const meta = params["_meta"]
  return Predicate.isReadonlyObject(meta) ? meta : undefined
}

/** Whether the request claims to be modern; the claim may still be malformed. */
export const claims = (params: Params): boolean => {
  const meta = metaOf(params)
  return meta !== undefined && Object.hasOwn(meta, protocolVersion)
}

/** The revision that it claims. */
export const revision = (params: Params): string | undefined => {
  const version = metaOf(params)?.[protocolVersion]
  return Predicate.isString(version) ? version : undefined
}

/** Whether a text makes the claim; parses few of those that don't. */
export const isIn = (text: string): boolean =>
  text.includes(protocolVersion) && JsonText.at(text, ["params", "_meta", protocolVersion]) !== undefined

export interface Fault {
  readonly key: string
  readonly problem: string
}

/** Lists what is missing or malformed, the required keys first. */
export const faults = (params: Params): ReadonlyArray<Fault> => {
  const meta = metaOf(params) ?? {}
  const missing = [protocolVersion, clientCapabilities].filter((key) => !Object.hasOwn(meta, key)).map((key) => ({
    key,
    problem: "missing"
  }))
  const malformed = [
    [protocolVersion, Predicate.isString, "expected a string"] as const,
    [clientCapabilities, Predicate.isReadonlyObject, "expected an object"] as const,
    [clientInfo, isImplementation, "expected an object with name and version"] as const
  ].filter(([key, fits]) => Object.hasOwn(meta, key) && !fits(meta[key])).map(([key, , problem]) => ({ key, problem }))
  return [...missing, ...malformed]
}

const isImplementation = (value: unknown): boolean =>
  Predicate.isReadonlyObject(value) && Predicate.isString(value["name"]) && Predicate.isString(value["version"])

/** One request's envelope: keys of `_meta` and their values as JSON text. */
export type Envelope = ReadonlyArray<readonly [key: string, value: string]>

/** The envelope that stands for a legacy `initialize`; `capabilities` as JSON text. */
export const ofInitialize = (initialize: string, capabilities: string): Envelope => {
  const info = JsonText.at(initialize, ["params", "clientInfo"])
  return [
    [protocolVersion, JSON.stringify(modernVersions[0])],
    ...(info === undefined ? [] : [[clientInfo, info] as const]),
    [clientCapabilities, capabilities]
  ]
}

export const put = (text: string, envelope: Envelope): string =>
  envelope.reduce((text, [key, value]) => JsonText.set(text, ["params", "_meta", key], value), text)

/** The request as a legacy peer knows it. */
export const takeOff = (text: string): string =>
  [protocolVersion, clientInfo, clientCapabilities, logLevel].reduce(
    (text, key) => JsonText.remove(text, ["params", "_meta", key]),
    text
  )

// A modern agent says with each request from which level on it wants log messages, and gets none where it says nothing.
// A relay with sessions sends them all, so they are filtered here (MCP 2026-07-28, server/utilities/logging).

/** JSON text, from the least severe up (RFC 5424). */
const levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"].map((level) =>
  JSON.stringify(level)
)

const method = `"notifications/message"`

/**
 * Decides for each message that comes with the answer to `request` whether the agent gets it. Only log messages are
 * ever dropped.
 */
export const logFilter = (request: string): (message: string) => boolean => {
  const level = JsonText.at(request, ["params", "_meta", logLevel])
  const minIndex = level === undefined ? -1 : levels.indexOf(level)
  return (message) => {
    if (!message.includes(method) || JsonText.at(message, ["method"]) !== method) return true
    return minIndex >= 0 && levels.indexOf(JsonText.at(message, ["params", "level"]) ?? "") >= minIndex
  }
}

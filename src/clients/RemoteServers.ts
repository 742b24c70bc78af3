/**
 * The remote MCP servers in a client's configuration, read and pointed elsewhere; all else in the file stays.
 *
 * A checkout brings such a file along. What it says is data: text, and variables by the client's own syntax alone.
 */
import { Option } from "effect"
import * as RelayHeaders from "../config/RelayHeaders.ts"

/** A piece of what a client sends: text as it stands there, or the value of an environment variable. */
export type Part =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Variable"; readonly name: string }

export const text = (text: string): Part => ({ _tag: "Text", text })
export const variable = (name: string): Part => ({ _tag: "Variable", name })

export type Headers = ReadonlyArray<readonly [name: string, value: ReadonlyArray<Part>]>

export interface RemoteServer {
  readonly name: string
  readonly url: string
  readonly headers: Headers
}

export interface Found {
  readonly servers: ReadonlyArray<RemoteServer>
  /** Those that stay as they are, and why. */
  readonly left: ReadonlyArray<{ readonly name: string; readonly why: string }>
}

export interface ClientFile {
  /** What follows "it is not JSON" or "it is not TOML"; empty where the text can be read. */
  readonly fault: (text: string) => string
  /** Each that is named by a URL: as the file has it, or why Holdfast cannot stand in for the client. */
  readonly servers: (text: string) => ReadonlyArray<readonly [name: string, found: Remote]>
  /**
   * The same text with each named server at its new URL, behind the agent's secret; `None` where it would not mean exactly
   * that, so that the secret never goes to a URL that the file also has.
   */
  readonly point: (text: string, urls: ReadonlyMap<string, string>) => Option.Option<string>
}

export type Remote = { readonly server: RemoteServer } | { readonly why: string }

/** The servers of a file that can be read, and those that stay as they are. */
export const find = (file: ClientFile, text: string): Found => {
  const each = file.servers(text)
  const canPoint = (names: ReadonlyArray<string>) =>
    Option.isSome(file.point(text, new Map(names.map((name) => [name, "http://127.0.0.1/mcp"]))))
  const servers = each.flatMap(([, found]) => "server" in found ? [found.server] : [])
  // All of them at once, since most files are written plainly.
  const odd = new Set(
    canPoint(servers.map(({ name }) => name)) ? [] : servers.map(({ name }) => name).filter((name) => !canPoint([name]))
  )
  return {
    servers: servers.filter(({ name }) => !odd.has(name)),
    left: each.flatMap(([name, found]) => {
      if ("why" in found) return [{ name, why: found.why }]
      return odd.has(name) ? [{ name, why: "it is written in a way that is not understood here" }] : []
    })
  }
}

/** How a client writes a variable. `pattern` has its name in one of its groups. */
export interface Syntax {
  readonly pattern: RegExp
  readonly write: (name: string) => string
}

/** `None` where the value says more than text and variables, such as a default or a question to the user. */
export const partsOf = (value: string, { pattern }: Syntax): Option.Option<ReadonlyArray<Part>> => {
  const parts: Array<Part> = []
  let next = 0
  for (const match of value.matchAll(pattern)) {
    if (match.index > next) parts.push(text(value.slice(next, match.index)))
    parts.push(variable(match.slice(1).find((name) => name !== undefined) ?? ""))
    next = match.index + match[0].length
  }
  if (next < value.length) parts.push(text(value.slice(next)))
  return parts.some((part) => part._tag === "Text" && part.text.includes("${")) ? Option.none() : Option.some(parts)
}

/** Clients' files often name them, and Holdfast sends the same by itself. */
const sentAnyway = ["accept", "content-type"]
const variableName = /^[A-Za-z_]\w*$/

/** Holdfast's own are between it and its relays and agents; no file of a client's has a say in where they go. */
const isOurs = (name: string): boolean => name.toUpperCase().startsWith("HOLDFAST_")

/** A server as the file has it, checked for whether Holdfast can stand in for the client. */
export const remote = (
  name: string,
  url: ReadonlyArray<Part>,
  headers: Headers
): Remote => {
  const [only, another] = url
  const address = only?._tag === "Text" && another === undefined ? only.text : ""
  const parsed = URL.parse(address)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return { why: "its URL has variables, or is none" }
  if (parsed.username !== "" || parsed.password !== "") return { why: "its URL holds a user or a password" }
  const kept = headers.filter(([header]) => !sentAnyway.includes(header.toLowerCase()))
  for (const [header, value] of kept) {
    const fault = RelayHeaders.fault(header)
    if (fault !== undefined) return { why: `its header ${JSON.stringify(header)} cannot be passed on: ${fault}` }
    const names = value.flatMap((part) => part._tag === "Variable" ? [part.name] : [])
    if (names.some(isOurs)) return { why: `its header ${header} asks for a variable of Holdfast's own` }
    if (!names.every((name) => variableName.test(name))) {
      return { why: `its header ${header} asks for what is no environment variable` }
    }
  }
  return { server: { name, url: address, headers: kept } }
}

/** The environment variables whose values it is sent. */
export const variablesOf = ({ headers }: RemoteServer): ReadonlyArray<string> => [
  ...new Set(headers.flatMap(([, value]) => value.flatMap((part) => part._tag === "Variable" ? [part.name] : [])))
]

/** The remote MCP servers in a client's configuration, read and pointed elsewhere; all else in the file stays. */
import { Option, Predicate } from "effect"

export interface RemoteServer {
  readonly name: string
  readonly url: string
  /** Values as Holdfast's configuration writes them, `{env:NAME}` for a variable. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Found {
  readonly servers: ReadonlyArray<RemoteServer>
  /** Those that stay as they are, and why. */
  readonly left: ReadonlyArray<{ readonly name: string; readonly why: string }>
}

export interface ClientFile {
  readonly find: (text: string) => Found
  /** The same text with each named server at its new URL, behind the agent's secret. */
  readonly point: (text: string, urls: ReadonlyMap<string, string>) => string
}

/** From `${NAME}` or `${env:NAME}`; `None` where it says more than that. */
const template = (value: string): Option.Option<string> => {
  const converted = value.replaceAll(/\$\{(?:env:)?([A-Za-z_]\w*)\}/g, "{env:$1}")
  return converted.includes("${") ? Option.none() : Option.some(converted)
}

/** A server as the file has it, checked for whether Holdfast can stand in for the client. */
export const remote = (
  name: string,
  url: string,
  headers: Readonly<Record<string, unknown>>
): { readonly server: RemoteServer } | { readonly why: string } => {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || url.includes("${")) {
    return { why: "its URL has variables" }
  }
  if (parsed.username !== "" || parsed.password !== "") return { why: "its URL holds a user or a password" }
  const converted: Record<string, string> = {}
  for (const [header, value] of Object.entries(headers)) {
    const text = Predicate.isString(value) ? template(value) : Option.none()
    if (Option.isNone(text)) return { why: `its header ${header} is more than text and environment variables` }
    converted[header] = text.value
  }
  return { server: { name, url, headers: converted } }
}

export const collected = (
  each: ReadonlyArray<readonly [name: string, found: ReturnType<typeof remote>]>
): Found => ({
  servers: each.flatMap(([, found]) => "server" in found ? [found.server] : []),
  left: each.flatMap(([name, found]) => "why" in found ? [{ name, why: found.why }] : [])
})

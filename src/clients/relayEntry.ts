/** What Holdfast's own configuration says of a server that it stands in for, and the secrets that it only refers to. */
import * as TemplateText from "../config/TemplateText.ts"
import { type Part, type RemoteServer, text } from "./RemoteServers.ts"

export interface RelayEntry {
  readonly url: string
  readonly token?: { readonly value: string } | { readonly file: string }
  readonly headers?: Readonly<Record<string, string>>
}

export interface Planned {
  readonly entry: RelayEntry
  /** The texts of the files that the entry refers to. */
  readonly secrets: ReadonlyMap<string, string>
}

/**
 * Text of the client's never stands in a template, where a part of it could be taken for one, and of none of it is known
 * that it is no secret: it goes into a file, which the template names. Space around it stays where it is.
 */
const templateOf = (value: ReadonlyArray<Part>, kept: (text: string) => string): string =>
  value.map((part) => {
    if (part._tag === "Variable") return TemplateText.variable(part.name)
    const text = part.text.trim()
    return text === "" ? part.text : part.text.replace(text, () => TemplateText.file(kept(text)))
  }).join("")

/** What follows `Bearer`, where that is a token. */
const bearerOf = ([first, ...rest]: ReadonlyArray<Part>): ReadonlyArray<Part> | undefined => {
  if (first?._tag !== "Text") return undefined
  const [scheme] = /^Bearer\s+/i.exec(first.text) ?? []
  if (scheme === undefined) return undefined
  const behind = first.text.slice(scheme.length)
  const token = behind === "" ? rest : [text(behind), ...rest]
  return token.length === 0 || token.some((part) => part._tag === "Text" && /\s/.test(part.text)) ? undefined : token
}

/**
 * A bearer token becomes the relay's token, so that it is rotated and told apart; other headers are sent as they are.
 * What the client's file has in plain text goes into files of its own: `fileOf` names one for each.
 */
export const relayEntry = ({ headers, url }: RemoteServer, fileOf: (index: number) => string): Planned => {
  const secrets = new Map<string, string>()
  const kept = (text: string): string => {
    const file = fileOf(secrets.size + 1)
    secrets.set(file, text)
    return file
  }
  const template = (value: ReadonlyArray<Part>) => templateOf(value, kept)
  const tokenOf = (value: ReadonlyArray<Part>): RelayEntry["token"] => {
    const [only, another] = value
    return only?._tag === "Text" && another === undefined ? { file: kept(only.text) } : { value: template(value) }
  }
  const authorization = headers.find(([name]) => name.toLowerCase() === "authorization")
  const bearer = authorization && bearerOf(authorization[1])
  const token = bearer && tokenOf(bearer)
  const others = headers.filter((header) => bearer === undefined || header !== authorization)
  const entry = {
    url,
    ...(token ? { token } : {}),
    ...(others.length === 0
      ? {}
      : { headers: Object.fromEntries(others.map(([name, value]) => [name, template(value)])) })
  }
  return { entry, secrets }
}

/** A relay's name for a server's: letters that it may not have become dashes; a number where it is taken. */
export const relayName = (server: string, taken: ReadonlySet<string>): string => {
  const base = server.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 56) || "server"
  for (let number = 1;; number++) {
    const name = number === 1 ? base : `${base}-${number}`
    if (name !== "default" && !taken.has(name)) return name
  }
}

/** What Holdfast's own configuration says of a server that it stands in for, and the secrets that it only refers to. */
import type { RemoteServer } from "./RemoteServers.ts"

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

/** A value of variables alone may stand in a configuration; of any other nobody knows that it is no secret. */
const isLiteral = (value: string): boolean => !/\{env:\w+\}/.test(value)

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
  const authorization = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")
  const bearer = /^Bearer\s+(\S+)$/i.exec(authorization?.[1] ?? "")?.[1]
  const token = bearer === undefined || !isLiteral(bearer) ? bearer && { value: bearer } : { file: kept(bearer) }
  const others = Object.entries(headers)
    .filter(([name]) => bearer === undefined || name !== authorization?.[0])
    .map(([name, value]) => [name, isLiteral(value) && value.trim() !== "" ? `{file:${kept(value)}}` : value])
  const entry = {
    url,
    ...(token ? { token } : {}),
    ...(others.length === 0 ? {} : { headers: Object.fromEntries(others) })
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

export const variablesIn = ({ headers }: RemoteServer): ReadonlyArray<string> =>
  Object.values(headers).flatMap((value) => [...value.matchAll(/\{env:(\w+)\}/g)].map(([, name = ""]) => name))

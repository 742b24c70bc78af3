/** What Holdfast's own configuration says of a server that it stands in for. */
import type { RemoteServer } from "./RemoteServers.ts"

export interface RelayEntry {
  readonly url: string
  readonly token?: { readonly value: string }
  readonly headers?: Readonly<Record<string, string>>
}

/** A bearer token becomes the relay's token, so that it is rotated and told apart; other headers are sent as they are. */
export const relayEntry = ({ headers, url }: RemoteServer): RelayEntry => {
  const authorization = Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")
  const bearer = /^Bearer\s+(\S+)$/i.exec(authorization?.[1] ?? "")?.[1]
  const others = Object.entries(headers).filter(([name]) => bearer === undefined || name !== authorization?.[0])
  return {
    url,
    ...(bearer === undefined ? {} : { token: { value: bearer } }),
    ...(others.length === 0 ? {} : { headers: Object.fromEntries(others) })
  }
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

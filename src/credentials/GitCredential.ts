/** git's credential protocol (gitcredentials(7), git-credential(1)): lines of `key=value`, ended by an empty one. */

/** What git says of the credential that it wants, or was refused with. Keys that we don't know are left aside. */
export interface Description {
  readonly protocol: string | undefined
  readonly host: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
}

/** Its parts as they stand there: what a URL's parser would decode or correct might be another host to git. */
const urlForm = /^([a-z]+):\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]+)(?:[/?#]|$)/

export const parse = (text: string): Description => {
  const said = new Map<string, string>()
  for (const line of text.split("\n")) {
    const bare = line.replace(/\r$/, "")
    if (bare === "") break
    const at = bare.indexOf("=")
    if (at > 0) said.set(bare.slice(0, at), bare.slice(at + 1))
  }
  // `url` stands for the others, and what follows it overrides.
  const [, protocol, username, password, host] = urlForm.exec(said.get("url") ?? "") ?? []
  return {
    protocol: said.get("protocol") ?? protocol,
    host: said.get("host") ?? host,
    username: said.get("username") ?? (username || undefined),
    password: said.get("password") ?? (password || undefined)
  }
}

export interface Answer {
  readonly protocol: string
  readonly host: string
  readonly username: string
  readonly password: string
  /** Milliseconds since the epoch, where it is known. */
  readonly expiresAt: number | undefined
}

/** `undefined` where a value holds what the protocol cannot carry. */
export const format = ({ expiresAt, host, password, protocol, username }: Answer): string | undefined => {
  const pairs = { protocol, host, username, password }
  if (Object.values(pairs).some((value) => /[\n\r\0]/.test(value))) return undefined
  const lines = Object.entries(pairs).map(([key, value]) => `${key}=${value}`)
  const expiry = expiresAt === undefined ? [] : [`password_expiry_utc=${Math.floor(expiresAt / 1000)}`]
  return [...lines, ...expiry].map((line) => `${line}\n`).join("")
}

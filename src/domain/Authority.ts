/**
 * Parses a host as a `Host` header or git names it: an ASCII name or an address in brackets, with or without a port.
 */
import { Option } from "effect"

const form = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/

export interface Authority {
  /** In lower case. */
  readonly name: string
  readonly port: string | undefined
}

/** The one that was parsed last: nearly all requests name the same. */
let last: { readonly text: string; readonly parsed: Option.Option<Authority> } = { text: "", parsed: Option.none() }

/** `None` for a user, a path, an escape or anything else that two parsers might read as two hosts. */
export const parse = (text: string): Option.Option<Authority> => {
  if (text === last.text) return last.parsed
  const found = form.exec(text)
  const parsed = found === null
    ? Option.none()
    : Option.some({ name: (found[1] ?? "").toLowerCase(), port: found[2] })
  last = { text, parsed }
  return parsed
}

/** Gives the origin of a host. `None` where a URL's parser reads another name. */
export const originOf = (protocol: "http" | "https", text: string): Option.Option<string> =>
  Option.flatMap(parse(text), ({ name }) => {
    const url = URL.parse(`${protocol}://${text}`)
    return url !== null && url.hostname === name ? Option.some(url.origin) : Option.none()
  })

/** Whether a URL's host name means this machine, whatever a resolver says. */
export const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname)

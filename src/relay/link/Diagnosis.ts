/** What to try where a relay does not answer as one: the usual mistakes, by what came of one attempt. Asks nobody. */
import { shownUrl } from "../../domain/ShownUrl.ts"
import type { RelayFailure, RelayFailureReason } from "../RelayFailure.ts"

export interface Diagnosis {
  readonly why: string
  /** What to try, where there is more to say than to wait. */
  readonly hint?: string
}

export const diagnose = (failure: RelayFailure, url: URL): Diagnosis => {
  const hint = hintFor(failure.reason, url)
  return hint === undefined ? { why: failure.message } : { why: failure.message, hint }
}

/** The same address in the other scheme; the port is written out, since each scheme has a default of its own. */
export const otherScheme = (url: URL): URL => {
  const [scheme, port] = url.protocol === "https:" ? ["http:", url.port || "443"] : ["https:", url.port || "80"]
  return new URL(`${scheme}//${url.hostname}:${port}${url.pathname}`)
}

/** By Node's code or OpenSSL's words, whichever there is. */
const connecting: ReadonlyArray<readonly [pattern: RegExp, hint: (url: URL) => string]> = [
  [/ENOTFOUND/, ({ hostname }) => `no machine is called ${hostname} here: look at the name, and at VPN and DNS`],
  [/EAI_AGAIN/, () => "the name server does not answer: look at this machine's network"],
  [/ECONNREFUSED/, ({ host }) => `look at the relay: nothing listens at ${host}; start it, or correct the port`],
  [/EHOSTUNREACH|ENETUNREACH/, ({ host }) => `no way leads to ${host}: look at the network and the VPN`],
  [/timeout/i, ({ host }) => `${host} does not take connections: look at the address, the firewall, the VPN`],
  [
    /wrong.version.number|packet.length.too.long|before secure TLS|EPROTO/i,
    (url) => `it seems to speak plain http: try ${shownUrl(otherScheme(url))}`
  ],
  [/has.expired/i, ({ host }) => `the certificate of ${host} has expired: have it renewed, and look at this clock`],
  [/altname|ALTNAME/, ({ hostname }) => `the certificate is for other names than ${hostname}: use one that is in it`],
  [
    /self.signed|unable.to.(verify|get)/i,
    () =>
      "nobody whom this machine trusts has signed its certificate: start the daemon with NODE_EXTRA_CA_CERTS=FILE, a "
      + "file with the certificate of who has"
  ]
]

const overSocket: ReadonlyArray<readonly [pattern: RegExp, hint: (path: string) => string]> = [
  [/ENOENT/, (path) => `nothing is at ${path}: start the relay, or look at the path`],
  [/ECONNREFUSED/, (path) => `${path} is left over from a relay that has ended: start the relay, which replaces it`],
  [/EACCES/, (path) => `this user may not open ${path}: start the relay as this user`],
  [
    /EMODE/,
    (path) => `chmod o-w ${path} and its directory, or have the relay make its socket where only you may write`
  ],
  [/another user/, () => "messages go to whoever made the socket: use one of your own, or root's"],
  [/is no socket/, () => "name the socket's file in relay.url"],
  [/no WELCOME/, (path) => `what listens at ${path} is no such relay, or hangs: look at it, and restart it`],
  [/DUPLICATE_CONNECTION/, () => "another program uses the relay under this agent's name: give one of them another"],
  [/^BAD_REQUEST|: BAD_REQUEST/, () => "the relay does not take this agent's name, or speaks another protocol"]
]

const socketHint = (reason: RelayFailureReason, url: URL): string | undefined =>
  reason._tag === "ConnectFailed" || reason._tag === "ConnectionLost"
    ? overSocket.find(([pattern]) => pattern.test(reason.detail))?.[1](decodeURIComponent(url.pathname))
    : undefined

export const hintFor = (reason: RelayFailureReason, url: URL): string | undefined => {
  if (url.protocol === "unix:") return socketHint(reason, url)
  switch (reason._tag) {
    case "ConnectFailed":
      return connecting.find(([pattern]) => pattern.test(reason.detail))?.[1](url)
    case "ConnectionLost":
      return url.protocol === "http:" &&
          /HTTP\/1\.1 protocol|other side closed|socket hang up|Parse Error/i.test(reason.detail)
        ? `it may speak https: try ${shownUrl(otherScheme(url))}`
        : undefined
    case "NotJsonRpc":
      return ofPage(reason.status, url)
    default:
      return undefined
  }
}

const ofPage = (status: number, url: URL): string => {
  if (status >= 300 && status < 400) return "it leads elsewhere, and redirects are not followed: name where it leads"
  if (status === 400 && url.protocol === "http:") return `it may speak https: try ${shownUrl(otherScheme(url))}`
  if (status === 403) return "a proxy or firewall stands before it: look at what it lets through"
  const usual = new URL("/mcp", url)
  return url.pathname === usual.pathname
    ? "no MCP server is at this path: look at the URL; \"holdfast doctor\" looks beside it"
    : `no MCP server is at this path: try ${shownUrl(usual)}; "holdfast doctor" looks beside it`
}

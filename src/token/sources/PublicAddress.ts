/**
 * Where a URL may lead that the user did not choose: a relay, or its authorization server, names metadata and endpoints,
 * and must not make Holdfast knock at this machine or at its network. Decided by the address that is connected to, so that
 * no name that resolves to another address gets around it.
 */
import { Effect } from "effect"
import { lookup as lookUp } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"
import { isLoopback } from "../../domain/Authority.ts"

/** Special-purpose addresses that are not reachable from everywhere (RFC 6890 and its registries). */
const reserved = new BlockList()
for (
  const [network, prefix] of [
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["224.0.0.0", 3]
  ] as const
) {
  reserved.addSubnet(network, prefix, "ipv4")
}
for (
  const [network, prefix] of [
    ["::", 96],
    ["64:ff9b:1::", 48],
    ["2002::", 16],
    ["fc00::", 7],
    ["fe80::", 10],
    ["fec0::", 10],
    ["ff00::", 8]
  ] as const
) {
  reserved.addSubnet(network, prefix, "ipv6")
}

/** `address` is IPv4 or IPv6; an IPv4 address inside an IPv6 one is judged as IPv4. */
export const isPublic = (address: string): boolean => {
  const family = isIP(address)
  return family !== 0 && !reserved.check(address, family === 4 ? "ipv4" : "ipv6")
}

const literal = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "")

/** Whether a host is of this machine or its network; of a name, whether each of its addresses is. */
export const isLocal = (url: URL): Effect.Effect<boolean> => {
  const host = literal(url)
  if (isLoopback(url.hostname)) return Effect.succeed(true)
  if (isIP(host) !== 0) return Effect.succeed(!isPublic(host))
  return Effect.callback<boolean>((resume) => {
    lookUp(host, { all: true }, (error, addresses) => {
      resume(
        Effect.succeed(error === null && addresses.length > 0 && !addresses.some(({ address }) => isPublic(address)))
      )
    })
  })
}

/** A literal is not looked up, so it is judged before. */
export const isPublicLiteral = (url: URL): boolean => {
  const host = literal(url)
  return isIP(host) === 0 || isPublic(host)
}

export class NotPublic extends Error {
  readonly code = "ENOTPUBLIC"
}

/** `dns.lookup` for sockets, that gives public addresses alone. */
export const publicLookup: LookupFunction = (hostname, options, done) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    const [first, ...others] = error === null ? addresses.filter(({ address }) => isPublic(address)) : []
    if (first === undefined) return done(error ?? new NotPublic(`${hostname} has no public address`), "", 0)
    if (options.all === true) return done(null, [first, ...others])
    done(null, first.address, first.family)
  })
}

/**
 * Where a URL may lead that the user did not choose: a relay, or its authorization server, names metadata and endpoints,
 * and must not make Holdfast knock at this machine or at its network. Decided by the address that is connected to, so that
 * no name that resolves to another address gets around it.
 */
import { Context, Effect } from "effect"
import { lookup, type LookupAddress, type LookupAllOptions } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"
import { networkInterfaces } from "node:os"
import { connect } from "node:tls"
import { isLoopback } from "../../domain/Authority.ts"

/** Says which addresses a name has. */
type Resolve = (
  host: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: Array<LookupAddress>) => void
) => void

export const Resolver = Context.Reference<Resolve>("holdfast/token/Resolver", { defaultValue: () => lookup })

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

const loopback = new BlockList()
loopback.addSubnet("0.0.0.0", 8, "ipv4")
loopback.addSubnet("127.0.0.0", 8, "ipv4")
loopback.addSubnet("::", 127, "ipv6")

/** `address` is IPv4 or IPv6; an IPv4 address inside an IPv6 one is judged as IPv4. */
export const isPublic = (address: string): boolean => {
  const family = isIP(address)
  return family !== 0 && !reserved.check(address, family === 4 ? "ipv4" : "ipv6")
}

const literal = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "")

const isOfThisMachine = (address: string): boolean =>
  loopback.check(address, isIP(address) === 4 ? "ipv4" : "ipv6")
  || Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address))

/**
 * Where a host is: on this machine, on its network, or elsewhere. `unproven`: its name has an address of this machine or
 * its network, and nobody there showed that the name is theirs.
 */
export type Location = "machine" | "network" | "elsewhere" | "unproven"

const ofAddress = (address: string): Location =>
  isPublic(address) ? "elsewhere" : isOfThisMachine(address) ? "machine" : "network"

/**
 * A name is where a TLS handshake under that name succeeds, at an address that it has now. What a resolver says proves
 * nothing: who runs a relay and its DNS may call its name private after it was reached elsewhere.
 */
export const locationOf = Effect.fnUntraced(function*(url: URL) {
  const host = literal(url)
  if (isLoopback(url.hostname)) return "machine"
  if (isIP(host) !== 0) return ofAddress(host)
  const resolve = yield* Resolver
  const addresses = yield* Effect.callback<ReadonlyArray<string>>((resume) => {
    resolve(host, { all: true }, (error, found) => {
      resume(Effect.succeed(error === null ? found.map(({ address }) => address) : []))
    })
  })
  if (url.protocol !== "https:" || addresses.length === 0 || addresses.some(isPublic)) return "elsewhere"
  const port = url.port === "" ? 443 : Number(url.port)
  for (const address of addresses.slice(0, maxAddresses)) {
    if (yield* handshake(host, address, port)) return ofAddress(address)
  }
  return "unproven"
})

const maxAddresses = 4
const handshakeTimeout = 2500

/** Whether who listens there has a certificate for the name. */
const handshake = (servername: string, host: string, port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect({ host, port, servername, timeout: handshakeTimeout })
    const end = (proven: boolean) => {
      socket.destroy()
      resume(Effect.succeed(proven))
    }
    socket.once("secureConnect", () => end(true))
    socket.once("timeout", () => end(false))
    socket.on("error", () => end(false))
    return Effect.sync(() => void socket.destroy())
  })

export class NotAllowed extends Error {
  readonly code = "ENOTPUBLIC"
}

/** Whether who stands there may name the address. */
export const mayName = (location: Location, address: string): boolean =>
  location === "machine" || isPublic(address) || (location === "network" && !isOfThisMachine(address))

/** A literal is not looked up, so it is judged before. */
export const mayNameHost = (location: Location, url: URL): boolean => {
  const host = literal(url)
  return isIP(host) === 0 || mayName(location, host)
}

/** `dns.lookup` for sockets, that gives those addresses alone that who stands there may name. */
export const lookupFor = (location: Location, resolve: Resolve): LookupFunction => (hostname, options, done) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    const [first, ...others] = error === null ? addresses.filter(({ address }) => mayName(location, address)) : []
    if (first === undefined) return done(error ?? new NotAllowed(`${hostname} has no address that may be asked`), "", 0)
    if (options.all === true) return done(null, [first, ...others])
    done(null, first.address, first.family)
  })
}

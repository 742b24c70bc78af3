/** Which users listen at a port of this machine, as Linux lists it in `/proc/net/tcp` and `/proc/net/tcp6` (proc(5)). */
import { readFileSync } from "node:fs"
import { BlockList, isIP } from "node:net"
import { endianness } from "node:os"

interface Listener {
  readonly address: string
  readonly family: "ipv4" | "ipv6"
  readonly uid: number
}

/** The kernel prints an address as words of 32 bits, each in the machine's own order. */
const bytesOf = (hex: string): Uint8Array => {
  const bytes = Buffer.from(hex, "hex")
  return endianness() === "LE" ? bytes.swap32() : bytes
}

const listenersIn = (file: string, port: number): ReadonlyArray<Listener> => {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0")
  const listening = new RegExp(`^ *\\d+: ([0-9A-F]+):${hexPort} \\S+ 0A \\S+ \\S+ \\S+ +(\\d+) `, "gm")
  return [...readFileSync(file, "latin1").matchAll(listening)].map(([, hex = "", uid]) => {
    const bytes = bytesOf(hex)
    return bytes.length === 4
      ? { address: bytes.join("."), family: "ipv4", uid: Number(uid) }
      : {
        address: Buffer.from(bytes).toString("hex").match(/.{4}/g)?.join(":") ?? "",
        family: "ipv6",
        uid: Number(uid)
      }
  })
}

const only = (...addresses: ReadonlyArray<string>): BlockList => {
  const list = new BlockList()
  for (const address of addresses) list.addAddress(address, isIP(address) === 6 ? "ipv6" : "ipv4")
  return list
}

const wildcards = ["0.0.0.0", "::"]

/**
 * The users whose sockets take what is sent to `host` and `port`. A name may mean several addresses, so with one every
 * listener at the port counts. `undefined` where the system does not say.
 */
export const listenersAt = (host: string, port: number): ReadonlyArray<number> | undefined => {
  if (process.platform !== "linux") return undefined
  const all: Array<Listener> = []
  try {
    all.push(...listenersIn("/proc/net/tcp", port))
  } catch {
    return undefined
  }
  try {
    all.push(...listenersIn("/proc/net/tcp6", port))
  } catch {
    // A machine without IPv6.
  }
  const at = (list: BlockList) => all.filter(({ address, family }) => list.check(address, family))
  if (isIP(host) === 0) return all.map(({ uid }) => uid)
  // The kernel prefers a socket at the very address to one at all addresses.
  const exact = at(only(host))
  return (exact.length > 0 ? exact : at(only(...wildcards))).map(({ uid }) => uid)
}

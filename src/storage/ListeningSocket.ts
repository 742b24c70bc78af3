/** Which users listen at a port of this machine, as Linux lists it in `/proc/net/tcp` and `/proc/net/tcp6` (proc(5)). */
import { closeSync, openSync, readSync } from "node:fs"
import { BlockList, isIP } from "node:net"
import { endianness } from "node:os"

interface Listener {
  readonly address: string
  readonly family: "ipv4" | "ipv6"
  readonly uid: number
}

/**
 * One by one: the kernel makes as many lines as a read asks for. It lists listening sockets first, and walks the table of
 * all connections for what comes behind, which takes 10 ms and more.
 */
function* linesOf(file: string): Generator<string> {
  const handle = openSync(file, "r")
  const piece = Buffer.alloc(160)
  try {
    let rest = ""
    for (let length = readSync(handle, piece); length > 0; length = readSync(handle, piece)) {
      const lines = `${rest}${piece.toString("latin1", 0, length)}`.split("\n")
      rest = lines.pop() ?? ""
      yield* lines
    }
  } finally {
    closeSync(handle)
  }
}

/** The kernel prints an address as words of 32 bits, each in the machine's own order. */
const bytesOf = (hex: string): Buffer => {
  const bytes = Buffer.from(hex, "hex")
  return endianness() === "LE" ? bytes.swap32() : bytes
}

const socket = /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) \S+ \S+ \S+ +(\d+) /

function* listenersIn(file: string, port: number): Generator<Listener> {
  for (const line of linesOf(file)) {
    const [, hex = "", hexPort = "", state, uid] = socket.exec(line) ?? []
    if (state !== undefined && state !== "0A") return
    if (Number.parseInt(hexPort, 16) !== port) continue
    const bytes = bytesOf(hex)
    yield bytes.length === 4
      ? { address: bytes.join("."), family: "ipv4", uid: Number(uid) }
      : { address: bytes.toString("hex").match(/.{4}/g)?.join(":") ?? "", family: "ipv6", uid: Number(uid) }
  }
}

const wildcard = new BlockList()
wildcard.addAddress("0.0.0.0", "ipv4")
wildcard.addAddress("::", "ipv6")

/**
 * The users whose sockets take what is sent to `host` and `port`. A name may mean several addresses, so with one every
 * listener at the port counts. `undefined` where the system does not say.
 */
export const listenersAt = (host: string, port: number): ReadonlyArray<number> | undefined => {
  if (process.platform !== "linux") return undefined
  // `isIPv6` makes a pattern that takes 10 ms, of each command's start.
  const version = isIP(host)
  const isName = version === 0
  const very = new BlockList()
  if (!isName) very.addAddress(host, version === 6 ? "ipv6" : "ipv4")
  const others: Array<number> = []
  let unreadable = 0
  for (const file of version === 6 ? ["/proc/net/tcp6", "/proc/net/tcp"] : ["/proc/net/tcp", "/proc/net/tcp6"]) {
    try {
      for (const { address, family, uid } of listenersIn(file, port)) {
        // The kernel prefers it to a socket at all addresses.
        if (very.check(address, family)) return [uid]
        if (isName || wildcard.check(address, family)) others.push(uid)
      }
    } catch {
      // A machine without IPv6 has one of the two.
      unreadable += 1
    }
  }
  return unreadable === 2 ? undefined : others
}

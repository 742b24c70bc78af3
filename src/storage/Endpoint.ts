/** What `endpoint.json` says: where the running daemon listens, and which process it is. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"

export const fileName = "endpoint.json"

export interface Endpoint {
  /** The MCP endpoint. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** When the daemon was ready to be asked: milliseconds since the epoch. */
  readonly startedAt: number
  /** When its process began: clock ticks since the boot. Only Linux tells, and older versions did not write it. */
  readonly processStart?: number
}

const isEndpoint = (value: unknown): value is Endpoint => {
  if (typeof value !== "object" || value === null) return false
  const { pid, port, processStart, startedAt, url }: { readonly [member in keyof Endpoint]?: unknown } = value
  return typeof url === "string" && URL.canParse(url) && [port, pid, startedAt].every(Number.isInteger)
    && (processStart === undefined || Number.isInteger(processStart))
}

/** `undefined` for what is not the text of an endpoint. */
export const parse = (text: string): Endpoint | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return isEndpoint(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The file and its owner. `undefined` where it cannot be read. */
export const readAt = (dataDir: string): { readonly endpoint: Endpoint; readonly owner: number } | undefined => {
  try {
    const handle = openSync(join(dataDir, fileName), "r")
    try {
      const endpoint = parse(readFileSync(handle, "utf8"))
      return endpoint === undefined ? undefined : { endpoint, owner: fstatSync(handle).uid }
    } finally {
      closeSync(handle)
    }
  } catch {
    return undefined
  }
}

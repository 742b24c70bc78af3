/** What `endpoint.json` says: where the running daemon listens, and which process it is. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"

export const fileName = "endpoint.json"

export interface ProcessRecord {
  readonly pid: number
  /** When the process began: clock ticks since the boot. Only Linux tells, and older versions did not write it. */
  readonly processStart?: number
}

export interface Endpoint extends ProcessRecord {
  /** The MCP endpoint. */
  readonly url: string
  readonly port: number
  /** When the daemon was ready to be asked: milliseconds since the epoch. */
  readonly startedAt: number
  /** The process that starts the daemon again. */
  readonly supervisor?: ProcessRecord
}

const isProcess = (value: unknown): value is ProcessRecord => {
  if (typeof value !== "object" || value === null) return false
  const { pid, processStart }: { readonly [member in keyof ProcessRecord]?: unknown } = value
  return Number.isInteger(pid) && (processStart === undefined || Number.isInteger(processStart))
}

const isEndpoint = (value: unknown): value is Endpoint => {
  if (!isProcess(value)) return false
  const { port, startedAt, supervisor, url }: { readonly [member in keyof Endpoint]?: unknown } = value
  return typeof url === "string" && URL.canParse(url) && [port, startedAt].every(Number.isInteger)
    && (supervisor === undefined || isProcess(supervisor))
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

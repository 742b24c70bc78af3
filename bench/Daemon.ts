/** Holdfast as it is published, as a process of its own with a data directory that goes with it. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { childEnvironment } from "../test/support/environment.ts"
import { launch, type Process } from "./Process.ts"
import { holdfastFile } from "./programs.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

export interface Daemon extends AsyncDisposable {
  readonly process: Process
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly directory: string
}

export interface DaemonOptions {
  readonly relay: URL
  /** Contents of `holdfast.json`. */
  readonly settings?: object
  /** Kept afterwards, where given. */
  readonly directory?: string
  readonly nodeFlags?: ReadonlyArray<string>
}

/** The compiled code of another build must not count: each daemon has a cache of its own. */
export const environment = (directory: string): Record<string, string> =>
  childEnvironment({ XDG_CACHE_HOME: join(directory, "cache") })

/** The daemon itself, unless its supervisor is to be measured with it. */
export const serveArguments = async (
  relay: URL,
  directory: string,
  supervised = false
): Promise<ReadonlyArray<string>> => [
  await holdfastFile(),
  "serve",
  "--relay",
  relay.href,
  "--port",
  "0",
  "--data-dir",
  directory,
  ...(supervised ? [] : ["--no-supervisor"]),
  ...(existsSync(join(directory, "settings.json")) ? ["--config", join(directory, "settings.json")] : [])
]

interface Announced {
  readonly pid: number
  readonly url: string
  readonly supervisor?: { readonly pid: number }
}

/** Once `pid`, or its daemon, serves: what that wrote about itself. */
export const endpointOf = (directory: string, pid: number): { readonly url: string } | undefined => {
  const file = join(directory, "endpoint.json")
  if (!existsSync(file)) return undefined
  const endpoint: Announced = JSON.parse(readFileSync(file, "utf8"))
  return [endpoint.pid, endpoint.supervisor?.pid].includes(pid) ? endpoint : undefined
}

export const startDaemon = async (options: DaemonOptions): Promise<Daemon> => {
  const directory = options.directory ?? temporaryDirectory()
  if (options.settings !== undefined) {
    writeFileSync(join(directory, "settings.json"), JSON.stringify(options.settings))
  }
  const daemon = await launch(
    [...(options.nodeFlags ?? []), ...(await serveArguments(options.relay, directory))],
    environment(directory)
  )
  const end = performance.now() + 30_000
  let endpoint = endpointOf(directory, daemon.pid)
  while (endpoint === undefined) {
    if (performance.now() > end || daemon.child.exitCode !== null) {
      await daemon.kill()
      throw new Error(`the daemon did not start: ${daemon.output}`)
    }
    await sleep(5)
    endpoint = endpointOf(directory, daemon.pid)
  }
  const secret = readFileSync(join(directory, "agent-secret"), "utf8").trim()
  return {
    process: daemon,
    url: new URL(endpoint.url),
    headers: { authorization: `Bearer ${secret}` },
    directory,
    [Symbol.asyncDispose]: async () => {
      await daemon.kill()
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
    }
  }
}

/**
 * From the start of the process to the first answer, as users start it, with an empty queue and with 10,000 entries in
 * it; and what the supervisor, which is started with the daemon, keeps in memory.
 */
import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { get } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { endpointOf, environment, serveArguments, startDaemon } from "../Daemon.ts"
import { load, median } from "../Load.ts"
import { Process, startProgram } from "../Process.ts"
import { messages } from "../Rig.ts"
import { atMost, type Options, type Row } from "../Row.ts"
import { temporaryDirectory } from "../temporaryDirectory.ts"

const queued = 10_000

const isReady = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    get(new URL("/readyz", url), (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on("error", () => resolve(false))
  })

interface Started {
  /** Milliseconds until `/readyz` says so. */
  readonly ms: number
  /** MiB of the supervisor: resident, and what of it no other process shares. */
  readonly resident: number
  readonly own: number
}

/** The relay does not exist, so nothing is delivered meanwhile. */
const start = async (directory: string, relay: URL): Promise<Started> => {
  const args = await serveArguments(relay, directory, true)
  const from = performance.now()
  const daemon = new Process(process.execPath, args, environment(directory), false)
  try {
    while (performance.now() < from + 30_000) {
      const endpoint = endpointOf(directory, daemon.pid)
      if (endpoint !== undefined && await isReady(endpoint.url)) {
        return { ms: performance.now() - from, resident: daemon.resident(), own: daemon.anonymous() }
      }
      await sleep(1)
    }
    throw new Error(`the daemon was not ready in 30 s: ${daemon.output}`)
  } finally {
    await daemon.kill("SIGTERM")
  }
}

const nothing = (): Promise<number> =>
  new Promise((resolve) => {
    const from = performance.now()
    spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }).on("exit", () => resolve(performance.now() - from))
  })

const fill = async (directory: string): Promise<URL> => {
  const relay = await startProgram("stubRelay")
  await using daemon = await startDaemon({ relay: relay.url, directory, settings: { outbox: { lane: "to" } } })
  const target = { name: "holdfast", url: daemon.url, headers: daemon.headers }
  const callers = await messages(target, 64, "\"queued\":true")
  await relay.process.kill()
  await load(callers, { calls: queued })
  return relay.url
}

export const startRows = async ({ quick }: Options): Promise<ReadonlyArray<Row>> => {
  const full = temporaryDirectory()
  const empty = temporaryDirectory()
  try {
    const relay = await fill(full)
    let supervisor: Started | undefined
    const times = { nothing: new Array<number>(), empty: new Array<number>(), full: new Array<number>() }
    for (let round = -1; round < (quick ? 3 : 9); round++) {
      const [one, two, three] = [await nothing(), await start(empty, relay), await start(full, relay)]
      // The first one compiles.
      if (round < 0) continue
      times.nothing.push(one)
      times.empty.push(two.ms)
      times.full.push(three.ms)
      supervisor = two
    }
    const over = times.empty.map((value, round) => value - (times.nothing[round] ?? Number.NaN))
    const more = times.full.map((value, round) => value / (times.empty[round] ?? Number.NaN))
    const ms = (values: ReadonlyArray<number>) => `${median(values).toFixed(0)} ms`
    return [
      atMost(
        "ms from start to ready, over node -e 0",
        median(over),
        250,
        `${ms(times.empty)}, node -e 0 ${ms(times.nothing)}`
      ),
      atMost(
        "MiB of the supervisor's own",
        supervisor?.own ?? Number.NaN,
        16,
        `resident ${supervisor?.resident.toFixed(0)}, the rest shared with the daemon`
      ),
      atMost("start with 10,000 queued, × empty", median(more), 1.3, `${ms(times.full)}, empty ${ms(times.empty)}`)
    ]
  } finally {
    for (const directory of [full, empty]) rmSync(directory, { recursive: true, force: true })
  }
}

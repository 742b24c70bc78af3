/** Queued while the link is Down, killed, started again and drained: how fast, and whether anything is missing. */
import { execFile } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { type Daemon, startDaemon } from "../Daemon.ts"
import { cost, load, median, warmUp } from "../Load.ts"
import { type Process, startProgram } from "../Process.ts"
import { programFile, type ProgramName } from "../programs.ts"
import { type Call, echo, messages, startRig } from "../Rig.ts"
import { atLeast, atMost, type Options, type Row } from "../Row.ts"
import { temporaryDirectory } from "../temporaryDirectory.ts"

interface Write {
  readonly at: number
  readonly to: string
  readonly text: string
}

const queued = "\"queued\":true"
const lanes = 8

const settings = { outbox: { lane: "to", maxEntries: 1_000_000, maxBytes: "2 GiB" } }

/** One of the bench's programs that prints a number and ends. */
const measured = async (name: ProgramName, ...args: ReadonlyArray<string>): Promise<number> => {
  const { stdout } = await promisify(execFile)(process.execPath, [await programFile(name), ...args])
  return Number(stdout)
}

const undelivered = (directory: string): number => {
  const database = new DatabaseSync(join(directory, "holdfast.db"), { readOnly: true })
  const row = database.prepare("SELECT count(*) AS count FROM outbox WHERE state = 'pending'").get()
  database.close()
  return Number(row?.["count"])
}

interface Turn {
  readonly calls: number
  /** Calls a second. */
  readonly rate: number
  /** Microseconds of the process's CPU time a call. */
  readonly cpu: number
}

const turnOf = async (process: Process, calls: ReadonlyArray<Call>, seconds: number): Promise<Turn> => {
  const before = process.cpu()
  const { calls: count, seconds: taken } = await load(calls, { seconds })
  return { calls: count, rate: count / taken, cpu: (process.cpu() - before) * 1000 / count }
}

const formatTurns = (turns: ReadonlyArray<Turn>): string =>
  `${median(turns.map(({ rate }) => rate)).toFixed(0)} a second, ${median(turns.map(({ cpu }) => cpu)).toFixed(0)} µs`

/** The relay has to be gone; done once Holdfast queues at once. */
const untilDown = async ({ headers, url }: Daemon): Promise<number> => {
  const [call] = await messages({ name: "holdfast", url, headers }, 1, queued, { prefix: "probe" })
  const end = performance.now() + 30_000
  for (let count = 1; performance.now() < end; count++) {
    const from = performance.now()
    await call?.()
    if (performance.now() - from < 100) return count
  }
  throw new Error("the link did not go down")
}

const drained = async (relay: Process, expected: number): Promise<ReadonlyArray<Write>> => {
  const end = performance.now() + 120_000
  while (performance.now() < end) {
    const writes = await relay.ask<ReadonlyArray<Write>>("count")
    if (writes.length >= expected) return writes
    await sleep(500)
  }
  throw new Error("the queue was not drained in 2 minutes")
}

/** Once each, and in its lane's order. */
const check = (writes: ReadonlyArray<Write>, expected: number): void => {
  if (new Set(writes.map(({ text, to }) => `${to} ${text}`)).size !== expected || writes.length !== expected) {
    throw new Error(`${writes.length} deliveries of ${expected} entries`)
  }
  const last = new Map<string, number>()
  for (const { text } of writes) {
    const [caller = "", number = ""] = text.split(" ")
    if (Number(number) <= (last.get(caller) ?? 0)) throw new Error(`out of order: ${text}`)
    last.set(caller, Number(number))
  }
}

export const queueRows = async ({ quick }: Options): Promise<ReadonlyArray<Row>> => {
  const directory = temporaryDirectory()
  try {
    const seconds = quick ? 1 : 3
    const rounds = quick ? 3 : 5
    const target = ({ headers, url }: Daemon) => ({ name: "holdfast", url, headers })
    const first = await startProgram("stubRelay")
    const commits: Array<number> = []
    const ours: Array<Turn> = []
    const bare: Array<Turn> = []
    const edge: Array<Turn> = []
    const live: Array<Turn> = []
    let acknowledged = 0
    {
      await using rig = await startRig({ settings })
      const bareQueue = await startProgram("bareQueue", [join(directory, "bareQueue.db")])
      await using _bareQueue = bareQueue.process
      const bareEdge = await startProgram("bareQueue")
      await using _bareEdge = bareEdge.process
      const queueing = await messages({ name: "bare", url: bareQueue.url, headers: {} }, 64, queued)
      const answering = await messages({ name: "bare", url: bareEdge.url, headers: {} }, 64, queued)
      const passing = await echo(rig.holdfast.target, "small", 64)
      await using daemon = await startDaemon({ relay: first.url, directory, settings })
      const callers = await messages(target(daemon), 64, queued)
      await first.process.kill()
      acknowledged += await untilDown(daemon)
      const portion = quick ? 1000 : 2500
      await warmUp([
        (count) => {
          acknowledged += count
          return cost(daemon.process, callers, count)
        },
        (count) => cost(bareQueue.process, queueing, count),
        (count) => cost(bareEdge.process, answering, count),
        (count) => cost(rig.holdfast.process, passing, count)
      ], { portion, quick })
      for (let round = 0; round < rounds; round++) {
        const turn = await turnOf(daemon.process, callers, seconds)
        acknowledged += turn.calls
        ours.push(turn)
        bare.push(await turnOf(bareQueue.process, queueing, seconds))
        edge.push(await turnOf(bareEdge.process, answering, seconds))
        live.push(await turnOf(rig.holdfast.process, passing, seconds))
        commits.push(await measured("commits", join(directory, "bare.db"), String(seconds)))
      }
      // Killed without warning: what is acknowledged has to be on the disk.
    }
    const onDisk = undelivered(directory)
    if (onDisk < acknowledged) throw new Error(`${acknowledged} acknowledged, ${onDisk} on the disk`)
    rmSync(directory, { recursive: true, force: true })

    const rate = median(ours.map(({ rate }) => rate))
    const ratio = (theirs: ReadonlyArray<Turn>, of: (turn: Turn) => number) =>
      median(ours.map((turn, index) => of(turn) / of(theirs[index] ?? turn)))
    return [
      atLeast(
        "queued with the link Down, 64 callers, × commits of 64 rows",
        median(ours.map(({ rate }, index) => rate / (commits[index] ?? Number.NaN))),
        0.5,
        `${rate.toFixed(0)} a second, bare ${median(commits).toFixed(0)} rows a second, none missing after a kill`
      ),
      atLeast(
        "queued with the link Down, 64 callers, × node:http and node:sqlite",
        ratio(bare, ({ rate }) => rate),
        0.5,
        `${formatTurns(ours)}, bare ${formatTurns(bare)}; without a row, the edge alone ${formatTurns(edge)}`
      ),
      atMost(
        "CPU of a queued call, link Down, 64 callers, × a live call",
        ratio(live, ({ cpu }) => cpu),
        2,
        `${formatTurns(ours)}, live ${formatTurns(live)}`
      ),
      await drainRow(quick ? 6000 : 15_000)
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** One worker, doubling each second to eight. */
const slowStart = 3200

const drainRow = async (count: number): Promise<Row> => {
  const first = await startProgram("stubRelay")
  await using daemon = await startDaemon({ relay: first.url, settings })
  const target = { name: "holdfast", url: daemon.url, headers: daemon.headers }
  const callers = await messages(target, lanes, queued)
  let relay = first.process
  const drain = async (entries: number) => {
    await relay.kill()
    const early = await untilDown(daemon)
    const { calls } = await load(callers, { calls: entries })
    relay = (await startProgram("stubRelay", [first.url.port])).process
    const writes = await drained(relay, calls + early)
    check(writes, calls + early)
    return { calls, writes }
  }
  await using _relay = { [Symbol.asyncDispose]: () => relay.kill() }
  // Warms up.
  await drain(Math.round(count / 2))
  const { calls, writes } = await drain(count)
  const start = writes[0]?.at ?? 0
  const after = writes.filter(({ at }) => at > start + slowStart)
  const whole = ((writes.at(-1)?.at ?? 0) - start) / 1000
  const bare = await measured("loop", first.url.href, "5000")
  if (after.length < 500) {
    return {
      name: "drain over 8 lanes after slow start, × a loop of 8 callers",
      value: Number.NaN,
      target: undefined,
      detail: `${calls} drained in ${whole.toFixed(1)} s, within the slow start`
    }
  }
  const from = after[0]?.at ?? 0
  const to = after[Math.floor(after.length * 0.95)]?.at ?? 0
  const rate = after.length * 0.95 / ((to - from) / 1000)
  return atLeast(
    "drain over 8 lanes after slow start, × a loop of 8 callers",
    rate / bare,
    0.6,
    `${rate.toFixed(0)} a second, bare ${bare.toFixed(0)}; ${calls} in ${whole.toFixed(1)} s, each once and in order`
  )
}

/**
 * What Holdfast costs a call: the same client and relay, directly and through Holdfast, side by side in one run.
 *
 * `node bench/calls.ts [seconds]`. Rounds alternate between the two, so that a machine that slows down slows both; read
 * the ratios, not the absolute numbers.
 */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { Agent } from "undici"
import { Daemon } from "../test/support/Daemon.ts"
import { TestRelay } from "../test/support/relay/TestRelay.ts"

const seconds = Number(process.argv[2] ?? 2)
const rounds = 3
const callers = 16

interface Target {
  readonly name: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

const agent = new Agent({ connections: callers, pipelining: 1 })

const post = async (target: Target, body: unknown) => {
  const response = await agent.request({
    origin: target.url.origin,
    path: target.url.pathname,
    method: "POST",
    headers: {
      ...target.headers,
      "content-type": "application/json",
      accept: "application/json, text/event-stream"
    },
    body: JSON.stringify(body)
  })
  const text = await response.body.text()
  if (response.statusCode >= 300) throw new Error(`${target.name}: HTTP ${response.statusCode}: ${text}`)
  return { headers: response.headers, text }
}

const open = async (target: Target): Promise<Target> => {
  const { headers } = await post(target, {
    jsonrpc: "2.0",
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } }
  })
  const session = { ...target.headers, "mcp-session-id": String(headers["mcp-session-id"]) }
  await post({ ...target, headers: session }, { jsonrpc: "2.0", method: "notifications/initialized" })
  return { ...target, headers: session }
}

let lastId = 0

const call = (target: Target, tool: string, args: unknown) =>
  post(target, { jsonrpc: "2.0", id: ++lastId, method: "tools/call", params: { name: tool, arguments: args } })

const quantile = (sorted: ReadonlyArray<number>, q: number): number => sorted[Math.floor((sorted.length - 1) * q)] ?? 0

/** Milliseconds of each call of one caller. */
const latencies = async (target: Target, tool: string, args: unknown) => {
  const end = performance.now() + seconds * 1000
  const taken: Array<number> = []
  while (performance.now() < end) {
    const from = performance.now()
    await call(target, tool, args)
    taken.push(performance.now() - from)
  }
  return taken.sort((a, b) => a - b)
}

/** Calls a second of all callers together. */
const throughput = async (target: Target, tool: string, args: unknown) => {
  const counts = await Promise.all(Array.from({ length: callers }, () => latencies(target, tool, args)))
  return counts.reduce((sum, taken) => sum + taken.length, 0) / seconds
}

const median = (values: ReadonlyArray<number>): number => quantile(values.toSorted((a, b) => a - b), 0.5)

const residentMegabytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024

const measure = async (targets: ReadonlyArray<Target>, tool: string, args: unknown) => {
  const rows = targets.map((target) => ({
    target,
    p50: [] as Array<number>,
    p99: [] as Array<number>,
    rate: [] as Array<number>
  }))
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      const taken = await latencies(row.target, tool, args)
      row.p50.push(quantile(taken, 0.5))
      row.p99.push(quantile(taken, 0.99))
      row.rate.push(await throughput(row.target, tool, args))
    }
  }
  const [base] = rows
  for (const { p50, p99, rate, target } of rows) {
    const ratio = base === undefined ? 1 : median(rate) / median(base.rate)
    process.stdout.write(
      `${tool.padEnd(20)} ${target.name.padEnd(9)} p50 ${median(p50).toFixed(2)} ms  p99 ${median(p99).toFixed(2)} ms  `
        + `${callers} callers ${median(rate).toFixed(0)}/s  (${ratio.toFixed(2)} of direct)\n`
    )
  }
}

const program = Effect.gen(function*() {
  const relay = yield* TestRelay.start({ answers: "json" })
  const daemon = yield* Daemon.start({ relayUrl: relay.url })
  const targets = yield* Effect.promise(() =>
    Promise.all([
      open({ name: "direct", url: new URL(relay.url), headers: {} }),
      open({ name: "holdfast", url: new URL(daemon.url), headers: { authorization: `Bearer ${daemon.secret}` } })
    ])
  )
  yield* Effect.promise(() => measure(targets, "echo", { text: "hello" }))
  yield* Effect.promise(() => measure(targets, "relay_send_message", { to: "b", text: "hello" }))
  process.stdout.write(`daemon, resident: ${residentMegabytes(yield* daemon.pid).toFixed(0)} MB\n`)
})

await Effect.runPromise(Effect.scoped(program))
await agent.close()

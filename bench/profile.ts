/**
 * Where a call's CPU time goes in the daemon: `node bench/profile.ts [live|official|officialLarge|bare|large|bufferable|queued|edge|drain|list|
 * stream] [calls]`. `edge` is what a request costs that Holdfast answers itself.
 *
 * V8's profiler runs while the load does, and not at the start. Its samples are scaled to the CPU time that the kernel
 * counted. Each sample is told by the module that ran, and by the nearest of Holdfast's own files on the stack, which is
 * charged with what it calls. Holdfast is built as it is published, but with a source map.
 */
import { existsSync, readFileSync } from "node:fs"
import type { Profiler } from "node:inspector"
import { SourceMap } from "node:module"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { ensureEntered } from "../test/support/environment.ts"
import { openCallers } from "./Caller.ts"
import { load } from "./Load.ts"
import { startProgram } from "./Process.ts"
import { textOf } from "./processes/CannedTools.ts"
import { holdfastFile } from "./programs.ts"
import { type Call, echo, messages, type Rig, startRig } from "./Rig.ts"

ensureEntered()

const [work = "live", calls = "20000", depth = "40"] = process.argv.slice(2)

const loads: Readonly<Record<string, (rig: Rig) => Promise<ReadonlyArray<Call>>>> = {
  live: (rig) => echo(rig.holdfast.target, "small", 16),
  /** Before the official server, which answers with a stream. */
  official: (rig) => echo(rig.holdfast.target, "small", 16),
  bare: (rig) => echo(rig.bare.target, "small", 16),
  large: (rig) => echo(rig.holdfast.target, "large", 16),
  officialLarge: (rig) => echo(rig.holdfast.target, "large", 16),
  bufferable: (rig) => messages(rig.holdfast.target, 16, textOf("small")),
  queued: async (rig) => {
    const callers = await messages(rig.holdfast.target, 64, "\"queued\":true")
    await rig.relay.kill()
    return callers
  },
  edge: async (rig) => {
    const queueing = await messages(rig.holdfast.target, 64, "\"queued\":true")
    const callers = (await openCallers(rig.holdfast.target, 64)).map((caller) => {
      const prepared = caller.prepare("ping", {}, "{}")
      return () => caller.call(prepared)
    })
    await rig.relay.kill()
    // Then the link is Down, and Holdfast answers a ping itself.
    await load(queueing, { calls: 64 })
    return callers
  },
  drain: async (rig) => {
    const callers = await messages(rig.holdfast.target, 8, "\"queued\":true")
    await rig.relay.kill()
    return callers
  },
  list: async (rig) =>
    (await openCallers(rig.holdfast.target, 4)).map((caller) => {
      const prepared = caller.prepare("tools/list", {}, "\"tools\":")
      return () => caller.call(prepared)
    }),
  stream: async (rig) =>
    (await openCallers(rig.holdfast.target, 4)).map((caller) => {
      const prepared = caller.prepare(
        "tools/call",
        { name: "stream", arguments: {}, _meta: { progressToken: 1 } },
        "\"result\":"
      )
      return () => caller.call(prepared)
    })
}

const cache = new Map<string, SourceMap>()

const mapOf = (url: string): SourceMap => {
  const map = cache.get(url) ?? new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, "utf8")))
  cache.set(url, map)
  return map
}

const short = (path: string): string =>
  path.includes("node_modules/") ? path.replace(/^.*node_modules\//, "") : path.replace(/^.*\/(?=(src|bench)\/)/, "")

interface Place {
  readonly module: string
  readonly line: number
}

const placeOf = ({ columnNumber, functionName, lineNumber, url }: Profiler.ProfileNode["callFrame"]): Place => {
  if (url === "") return { module: "(native)", line: 0 }
  if (!url.startsWith("file:")) return { module: url, line: lineNumber + 1 }
  if (!existsSync(`${fileURLToPath(url)}.map`)) return { module: short(url), line: lineNumber + 1 }
  const entry = mapOf(url).findEntry(lineNumber, columnNumber)
  if (!("originalSource" in entry)) return { module: functionName, line: lineNumber + 1 }
  return { module: short(entry.originalSource), line: entry.originalLine + 1 }
}

/** Microseconds. One that seems longer waited for the processor or for the disk, and would count for all that wait. */
const longestSample = 1000

/** Waiting, and the profiler's own start. */
const notOfCalls = new Set(["(idle)", "post"])

const parts: ReadonlyArray<readonly [RegExp, string]> = [
  [/^\(native\).*(write|Write)/, "system calls: writes to both sockets"],
  [/^\(native\) \(garbage/, "garbage collection"],
  [/^\(native\)/, "other native code: reads, the event loop, hashes"],
  [/^(effect|@effect)\/|^node:async_hooks/, "Effect: fibers, scopes, services, metrics"],
  [/^undici\/|^wasm/, "undici"],
  [/^node:internal\/crypto|^node:crypto/, "node:crypto"],
  [/^node:/, "Node: http server, sockets, streams, timers"],
  [/^src\/mcp\/endpoint\//, "src/mcp/endpoint"],
  [/^src\/mcp\//, "src/mcp, the rest"],
  [/^src\/relay\//, "src/relay"],
  [/^src\/domain\//, "src/domain: parsing of messages"],
  [/^src\/outbox\//, "src/outbox"],
  [/^src\//, "src, the rest"]
]

/** Where on its way a call is, by the nearest of Holdfast's files. */
const steps: ReadonlyArray<readonly [RegExp, string]> = [
  [/^src\/(mcp\/http|agents)\/|^src\/domain\/Authority/, "the request's head and body checked: src/mcp/http"],
  [/^src\/domain\/SteadyClock|^src\/supervision\//, "time and deadlines: src/supervision"],
  [/^src\/domain\//, "messages parsed and checked: src/domain"],
  [/^src\/mcp\/streams\//, "the answer written to the agent: src/mcp/streams"],
  [/^src\/mcp\//, "a fiber, a turn, a handler, a responder: src/mcp, the rest"],
  [/^src\/relay\/transport\//, "sent to the relay, and its answer read: src/relay/transport"],
  [/^src\/relay\//, "session, token, watch over silence: src/relay, the rest"],
  [/^src\//, "src, the rest"],
  [/^none: \(native\)/, "native code below none of them: reads, the event loop, garbage collection"],
  [/^none: (undici|wasm)/, "undici below none of them"],
  [/^none:/, "Node below none of them: sockets, streams, http server"]
]

/** `cpu`: microseconds a call. */
const report = (profile: Profiler.Profile, cpu: number): void => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])))
  const samples = new Map<number, number>()
  let busy = 0
  for (const [index, id] of (profile.samples ?? []).entries()) {
    if (notOfCalls.has(nodes.get(id)?.callFrame.functionName ?? "")) continue
    const taken = Math.min(profile.timeDeltas?.[index] ?? 0, longestSample)
    samples.set(id, (samples.get(id) ?? 0) + taken)
    busy += taken
  }
  const modules = new Map<string, number>()
  const grouped = new Map<string, number>()
  const own = new Map<string, number>()
  const functions = new Map<string, number>()
  const add = (to: Map<string, number>, name: string, taken: number) => to.set(name, (to.get(name) ?? 0) + taken)
  for (const [id, taken] of samples) {
    const frame = nodes.get(id)?.callFrame
    if (frame === undefined) continue
    const { line, module } = placeOf(frame)
    const part = `${module} ${module === "(native)" ? frame.functionName : ""}`
    add(grouped, parts.find(([pattern]) => pattern.test(part))?.[1] ?? module, taken)
    add(modules, module === "(native)" ? frame.functionName : module, taken)
    add(functions, `${frame.functionName || "(anonymous)"} ${module}:${line}`, taken)
    let at: number | undefined = id
    let nearest: string | undefined
    while (at !== undefined && nearest === undefined) {
      const above = nodes.get(at)
      const name: string = above === undefined ? "" : placeOf(above.callFrame).module
      if (name.startsWith("src/")) nearest = name
      at = parents.get(at)
    }
    add(own, nearest ?? `none: ${module.split("/").slice(0, 2).join("/")}`, taken)
  }
  const print = (title: string, of: Map<string, number>) => {
    process.stdout.write(`\n${title}, µs a call\n`)
    for (const [name, taken] of [...of].toSorted(([, a], [, b]) => b - a).slice(0, Number(depth))) {
      process.stdout.write(`${(taken / busy * cpu).toFixed(1).padStart(8)}  ${name}\n`)
    }
  }
  const stepped = new Map<string, number>()
  for (const [name, taken] of own) add(stepped, steps.find(([pattern]) => pattern.test(name))?.[1] ?? name, taken)
  print("By part", grouped)
  print("By step", stepped)
  print("By the module that ran", modules)
  print("By the nearest of Holdfast's files, with what it calls", own)
  print("By function", functions)
}

const prepare = loads[work]
if (prepare === undefined) throw new Error(`no work ${work}; there are ${Object.keys(loads).join(", ")}`)
// Before the rig asks for it: with a source map.
await holdfastFile(true)
await using rig = await startRig({
  relay: work.startsWith("official") ? "officialRelay" : "stubRelay",
  relayArguments: ["0", work === "list" ? "500" : "4"],
  settings: { outbox: { lane: "to", maxEntries: 1_000_000 } }
})
const callers = await prepare(rig)
const subject = work === "bare" ? rig.bare.process : rig.holdfast.process

/** Does about so many calls; how many. */
let perform = async (count: number): Promise<number> => (await load(callers, { calls: count })).calls

if (work === "drain") {
  // As many again are delivered in the slow start.
  await load(callers, { calls: Number(calls) * 2.5 })
  const { process: relay } = await startProgram("stubRelay", [rig.relayUrl.port])
  perform = async (count) => {
    const before = await relay.ask<number>("written")
    for (;;) {
      await sleep(50)
      const written = await relay.ask<number>("written")
      if (written >= before + count) return written - before
    }
  }
}
await perform(work === "drain" ? Number(calls) : Math.min(2000, Number(calls)))
/** Microseconds a call. */
const cost = async (count: number): Promise<number> => {
  const before = subject.cpu()
  const performed = await perform(count)
  return (subject.cpu() - before) * 1000 / performed
}

const io = subject.systemCalls()
const without = await cost(Number(calls) / 2)
const { reads, writes } = subject.systemCalls()
const each = (from: number, to: number) => ((to - from) / (Number(calls) / 2)).toFixed(2)
process.stdout.write(`${work}: ${each(io.writes, writes)} writes and ${each(io.reads, reads)} reads a call\n`)
await subject.ask("profile")
const profiled = await cost(Number(calls) / (work === "drain" ? 2 : 1))
process.stdout.write(`${work}: ${without.toFixed(0)} µs a call, ${profiled.toFixed(0)} with the profiler\n`)
report(await subject.ask<Profiler.Profile>("profiled"), without)
if (work === "drain") process.exit()

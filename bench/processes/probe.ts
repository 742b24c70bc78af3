/**
 * Preloaded into the daemon: it ends with the bench. Where asked by message: `delay` gives the longest time in ms that
 * the event loop was blocked since the last question; `heap` collects garbage and gives what is left, in MiB; `profile`
 * starts V8's profiler, and `profiled` gives what it saw.
 */
import { Session } from "node:inspector/promises"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))
process.channel?.unref()

const resolution = 5
let histogram: ReturnType<typeof monitorEventLoopDelay> | undefined

const delay = (): number => {
  const longest = histogram === undefined ? 0 : histogram.max / 1e6 - resolution
  histogram?.disable()
  histogram = monitorEventLoopDelay({ resolution })
  histogram.enable()
  return Math.max(0, longest)
}

const heap = (): number => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")({ type: "major", execution: "sync" })
  const { arrayBuffers, external, heapUsed } = process.memoryUsage()
  return (heapUsed + external + arrayBuffers) / 1024 / 1024
}

const session = new Session()

const profile = async (): Promise<object> => {
  session.connect()
  await session.post("Profiler.enable")
  await session.post("Profiler.setSamplingInterval", { interval: 100 })
  await session.post("Profiler.start")
  return {}
}

const answers: Readonly<Record<string, () => unknown>> = {
  delay,
  heap,
  profile,
  profiled: async () => (await session.post("Profiler.stop")).profile
}

process.on("message", async (message) => {
  process.channel?.unref()
  process.send?.({ reply: await answers[String(message)]?.() })
})
process.channel?.unref()

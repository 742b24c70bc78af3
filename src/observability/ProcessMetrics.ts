/** The process and its build, for a scraper. */
import { Effect, Layer } from "effect"
import { readdirSync } from "node:fs"
import { version } from "../domain/Version.ts"
import * as Metrics from "./Metrics.ts"

/** Linux and macOS show a process its own descriptors here; elsewhere there is no number. */
const openFds = (): number => {
  try {
    return readdirSync("/dev/fd").length
  } catch {
    return Number.NaN
  }
}

const cpuSeconds = (): number => {
  const { system, user } = process.cpuUsage()
  return (user + system) / 1e6
}

export const layer = Layer.effectDiscard(Effect.gen(function*() {
  yield* Metrics.observed(Metrics.buildInfo, { version, node: process.versions.node }, () => 1)
  yield* Metrics.observedTotal(Metrics.processCpu, {}, cpuSeconds)
  yield* Metrics.observed(Metrics.processMemory, {}, () => process.memoryUsage.rss())
  yield* Metrics.observed(Metrics.processOpenFds, {}, openFds)
  yield* Metrics.observed(Metrics.processStart, {}, () => performance.timeOrigin / 1000)
}))

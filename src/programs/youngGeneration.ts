/**
 * Bounds V8's young generation in the daemon. By itself V8 doubles it whenever much of it survives, as when many agents
 * connect at once, up to 128 MiB, and does not give them back to the system. See docs/performance.md.
 */
import { PerformanceObserver } from "node:perf_hooks"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"

/** Both halves of it; V8 may be one step ahead. */
const maxBytes = 8 * 1024 * 1024

const size = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? 0

/** From now to the process's end. A running V8 takes no bound, but reads the factor each time it grows. */
export const boundYoungGeneration = (): void => {
  let factor = 2
  new PerformanceObserver(() => {
    const wanted = size() < maxBytes ? 2 : 1
    if (wanted === factor) return
    factor = wanted
    setFlagsFromString(`--semi-space-growth-factor=${factor}`)
  }).observe({ type: "gc" })
}

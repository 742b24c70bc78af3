/** What is searched, and how many inputs take about a second. */
import type { Target } from "../fuzz.ts"
import { configurationTarget } from "./ConfigurationTarget.ts"
import { gitTarget } from "./GitTarget.ts"
import { headersTarget } from "./HeadersTarget.ts"
import { jsonTarget } from "./JsonTarget.ts"
import { listTarget } from "./ListTarget.ts"
import { sseTarget } from "./SseTarget.ts"

export const targets: ReadonlyArray<
  { readonly target: Target; readonly count: { readonly short: number; readonly drill: number } }
> = [
  { target: jsonTarget, count: { short: 10_000, drill: 100_000 } },
  { target: listTarget, count: { short: 10_000, drill: 100_000 } },
  { target: sseTarget, count: { short: 2_000, drill: 20_000 } },
  { target: headersTarget, count: { short: 20_000, drill: 200_000 } },
  { target: gitTarget, count: { short: 20_000, drill: 200_000 } },
  { target: configurationTarget, count: { short: 1_000, drill: 10_000 } }
]

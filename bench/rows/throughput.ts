/** Calls a second and how long each takes, by callers, sizes and relays. */
import { cost, inTurns, load, median, ratio, warmUp } from "../Load.ts"
import type { EchoTool } from "../processes/CannedTools.ts"
import { echo, type RelayKind, startRig } from "../Rig.ts"
import { atLeast, atMost, type Options, type Row } from "../Row.ts"

const relays: ReadonlyArray<readonly [RelayKind, string, number]> = [
  ["officialRelay", "official relay", 0.9],
  ["stubRelay", "stub relay", 0.75]
]
const sizes: ReadonlyArray<readonly [EchoTool, string]> = [["small", "200 B"], ["large", "64 KiB"]]

export const throughputRows = async ({ quick }: Options): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  const seconds = quick ? 0.4 : 2
  const rounds = quick ? 3 : 5
  for (const [kind, relay, least] of relays) {
    await using rig = await startRig({ relay: kind })
    for (const [tool, size] of sizes) {
      const warm = {
        bare: await echo(rig.bare.target, tool, 16),
        holdfast: await echo(rig.holdfast.target, tool, 16)
      }
      await warmUp(
        [
          (count) => cost(rig.holdfast.process, warm.holdfast, count),
          (count) => cost(rig.bare.process, warm.bare, count)
        ],
        { portion: (quick ? 800 : 2500) / (tool === "large" ? 5 : 1), quick }
      )
      for (const callers of [1, 16, 128]) {
        const bare = await echo(rig.bare.target, tool, callers)
        const holdfast = await echo(rig.holdfast.target, tool, callers)
        const pairs = await inTurns(rounds, () => load(holdfast, { seconds }), () => load(bare, { seconds }))
        const detail = (of: (load: (typeof pairs)[number][0]) => number, unit: string, digits: number) =>
          `${median(pairs.map(([a]) => of(a))).toFixed(digits)} ${unit}, bare ${
            median(pairs.map(([, b]) => of(b))).toFixed(digits)
          } ${unit}`
        const name = `${relay}, ${size}, ${callers} ${callers === 1 ? "caller" : "callers"}`
        const rate = ({ calls, seconds }: { readonly calls: number; readonly seconds: number }) => calls / seconds
        rows.push(atLeast(`calls a second, ${name}, × bare`, ratio(pairs, rate), least, detail(rate, "a second", 0)))
        if (kind === "officialRelay") {
          const p50 = ({ p50 }: { readonly p50: number }) => p50
          const p99 = ({ p99 }: { readonly p99: number }) => p99
          rows.push(atMost(`p50, ${name}, × bare`, ratio(pairs, p50), 1.2, detail(p50, "ms", 2)))
          rows.push(atMost(`p99, ${name}, × bare`, ratio(pairs, p99), 1.5, detail(p99, "ms", 2)))
        }
      }
    }
  }
  return rows
}

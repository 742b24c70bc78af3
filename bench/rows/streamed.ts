/** An answer that is a stream of 100 events, each a write of its own at the relay. */
import { openCallers, type Target } from "../Caller.ts"
import { cost, inTurns, load, median, ratio, warmUp } from "../Load.ts"
import { streamEvents } from "../processes/CannedTools.ts"
import { type Call, startRig } from "../Rig.ts"
import { atLeast, atMost, type Options, type Row } from "../Row.ts"

const callers = 4

const streams = async (target: Target): Promise<ReadonlyArray<Call>> =>
  (await openCallers(target, callers)).map((caller) => {
    const prepared = caller.prepare(
      "tools/call",
      { name: "stream", arguments: {}, _meta: { progressToken: 1 } },
      "\"result\":"
    )
    return async () => {
      const reply = await caller.call(prepared)
      const events = reply.body.toString().match(/^data: ?\{/gm)?.length
      if (events !== streamEvents) throw new Error(`${target.name}: ${events} events in the place of ${streamEvents}`)
      return reply
    }
  })

export const streamRows = async ({ quick }: Options): Promise<ReadonlyArray<Row>> => {
  await using rig = await startRig()
  const bare = await streams(rig.bare.target)
  const holdfast = await streams(rig.holdfast.target)
  const seconds = quick ? 0.7 : 3
  await warmUp(
    [(count) => cost(rig.holdfast.process, holdfast, count), (count) => cost(rig.bare.process, bare, count)],
    { portion: quick ? 150 : 300, quick }
  )
  const pairs = await inTurns(quick ? 3 : 5, () => load(holdfast, { seconds }), () => load(bare, { seconds }))
  const rate = ({ calls, seconds }: { readonly calls: number; readonly seconds: number }) => calls / seconds
  const all = (of: (load: (typeof pairs)[number][0]) => number, digits: number, unit: string) =>
    `${median(pairs.map(([a]) => of(a))).toFixed(digits)} ${unit}, bare ${
      median(pairs.map(([, b]) => of(b))).toFixed(digits)
    } ${unit}`
  return [
    atLeast("streams of 100 events a second, × bare", ratio(pairs, rate), 0.85, all(rate, 0, "a second")),
    atMost(
      "first event of a stream, × bare",
      ratio(pairs, ({ firstP50 }) => firstP50),
      1.2,
      all(({ firstP50 }) => firstP50, 2, "ms")
    )
  ]
}

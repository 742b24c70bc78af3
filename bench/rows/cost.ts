/** CPU time of a call: of the proxy's process alone, so it hardly depends on what else the machine does. */
import { cost, inTurns, median, ratio, warmUp } from "../Load.ts"
import { textOf } from "../processes/CannedTools.ts"
import { type Call, echo, messages, startRig } from "../Rig.ts"
import { atMost, type Options, type Row } from "../Row.ts"

const callers = 16

const micros = (values: ReadonlyArray<number>): string => `${median(values).toFixed(0)} µs`

export const costRows = async ({ quick }: Options): Promise<ReadonlyArray<Row>> => {
  await using rig = await startRig({ settings: { outbox: { lane: "to" } } })
  const count = quick ? 1500 : 5000
  const rounds = quick ? 3 : 7
  const bare = await echo(rig.bare.target, "small", callers)
  const live = await echo(rig.holdfast.target, "small", callers)
  const large = await echo(rig.holdfast.target, "large", callers)
  const bareLarge = await echo(rig.bare.target, "large", callers)
  const bufferable = await messages(rig.holdfast.target, callers, textOf("small"))
  const ours = (calls: ReadonlyArray<Call>, share = 1) => () =>
    cost(rig.holdfast.process, calls, Math.round(count * share))
  const theirs = (calls: ReadonlyArray<Call>, share = 1) => () =>
    cost(rig.bare.process, calls, Math.round(count * share))

  const portion = quick ? 1500 : 2500
  const [ourCold = Number.NaN, theirCold = Number.NaN] = await warmUp(
    [(count) => cost(rig.holdfast.process, live, count), (count) => cost(rig.bare.process, bare, count)],
    { portion, quick }
  )
  const small = await inTurns(rounds, ours(live), theirs(bare))
  await warmUp(
    [(count) => cost(rig.holdfast.process, large, count), (count) => cost(rig.bare.process, bareLarge, count)],
    { portion: portion / 5, quick }
  )
  const big = await inTurns(rounds, ours(large, 0.2), theirs(bareLarge, 0.2))
  await warmUp([(count) => cost(rig.holdfast.process, bufferable, count)], { portion, quick })
  const queueable = await inTurns(rounds, ours(bufferable), ours(live))
  const row = (
    name: string,
    limit: number,
    pairs: ReadonlyArray<readonly [number, number]>,
    them: string,
    more = ""
  ) =>
    atMost(
      name,
      ratio(pairs, (value) => value),
      limit,
      `${micros(pairs.map(([a]) => a))}, ${them} ${micros(pairs.map(([, b]) => b))}${more}`
    )
  return [
    row("CPU of a live call, × bare", 1.6, small, "bare", `; cold ${micros([ourCold])} and ${micros([theirCold])}`),
    row("CPU of a live call of 64 KiB, × bare", 1.6, big, "bare"),
    row("CPU of a bufferable call, link Up, × a live call", 2, queueable, "live")
  ]
}

/** What a control plane that is away costs a call: two daemons, alike but for an uplink to where nobody listens. */
import { cost, inTurns, median, ratio, warmUp } from "../Load.ts"
import { echo, startRig } from "../Rig.ts"
import { atMost, type Options, type Row } from "../Row.ts"

const callers = 16
const away = { url: "http://127.0.0.1:9", session: "none" }

export const planeRows = async ({ quick }: Options): Promise<ReadonlyArray<Row>> => {
  await using rig = await startRig()
  await using uplinked = await startRig({ settings: { uplinks: { away } } })
  const without = await echo(rig.holdfast.target, "small", callers)
  const withOne = await echo(uplinked.holdfast.target, "small", callers)
  const count = quick ? 1500 : 5000
  const rounds = quick ? 3 : 7
  // Alike in this, too: a process that has had more calls is faster.
  await warmUp(
    [(count) => cost(uplinked.holdfast.process, withOne, count), (count) => cost(rig.holdfast.process, without, count)],
    { portion: quick ? 1500 : 2500, quick }
  )
  const pairs = await inTurns(
    rounds,
    () => cost(uplinked.holdfast.process, withOne, count),
    () => cost(rig.holdfast.process, without, count)
  )
  const micros = (side: 0 | 1): string => `${median(pairs.map((pair) => pair[side])).toFixed(0)} µs`
  return [
    atMost(
      "CPU of a live call, control plane away, × without one",
      ratio(pairs, (value) => value),
      1.15,
      `${micros(0)}, without ${micros(1)}`
    )
  ]
}

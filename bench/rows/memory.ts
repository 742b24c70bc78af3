/** Resident memory: idle, and over many calls, beside the bare pass-through's under the same load. */
import { setTimeout as sleep } from "node:timers/promises"
import { load, median } from "../Load.ts"
import { echo, startRig } from "../Rig.ts"
import { atMost, type Options, type Row } from "../Row.ts"

const parts = 10

export const memoryRows = async ({ memoryCalls, quick }: Options): Promise<ReadonlyArray<Row>> => {
  await using rig = await startRig()
  await sleep(quick ? 2000 : 5000)
  const idle = rig.holdfast.process.resident()
  const bareIdle = rig.bare.process.resident()
  const holdfast = await echo(rig.holdfast.target, "small", 16)
  const bare = await echo(rig.bare.target, "small", 16)
  const ours: Array<number> = []
  const theirs: Array<number> = []
  for (let part = 0; part < parts; part++) {
    await load(holdfast, { calls: memoryCalls / parts })
    ours.push(rig.holdfast.process.resident())
    await load(bare, { calls: memoryCalls / parts })
    theirs.push(rig.bare.process.resident())
  }
  const format = (values: ReadonlyArray<number>) => values.map((value) => value.toFixed(0)).join(" ")
  // In the beginning V8 gives itself more of the machine's memory, whoever it runs.
  const grown = (values: ReadonlyArray<number>) => median(values.slice(-3)) - median(values.slice(4, 7))
  return [
    atMost("idle, MiB", idle, 90, `bare ${bareIdle.toFixed(0)} MiB`),
    atMost(
      `MiB over bare's after ${memoryCalls} calls`,
      Math.max(...ours) - Math.max(...theirs),
      40,
      `after each tenth ${format(ours)}; bare ${format(theirs)}`
    ),
    atMost(
      `MiB grown in the second half of ${memoryCalls} calls, over bare's`,
      grown(ours) - grown(theirs),
      5,
      `${grown(ours).toFixed(0)}, bare ${grown(theirs).toFixed(0)}`
    )
  ]
}

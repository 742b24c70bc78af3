/** Beside two proxies from npm and nginx, in turns. Where one can't be installed, a notice takes its row's place. */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { cost, inTurns, load, median, ratio, warmUp } from "../Load.ts"
import { npmProxies, type OtherProxy, startNginx, startNpmProxy } from "../OtherProxies.ts"
import { echo, type Rig, startRig } from "../Rig.ts"
import { atLeast, type Options, type Row } from "../Row.ts"
import { temporaryDirectory } from "../temporaryDirectory.ts"

const callers = 4

const beside = async (
  { holdfast }: Rig,
  starting: Promise<OtherProxy>,
  name: string,
  least: number,
  { notice, quick }: Options
): Promise<ReadonlyArray<Row>> => {
  let other: OtherProxy
  try {
    other = await starting
  } catch (error) {
    notice(`Not measured beside ${name}: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
  await using process = other.process
  const ours = await echo(holdfast.target, "small", callers)
  const theirs = await echo(other.target, "small", callers)
  const seconds = quick ? 0.5 : 3
  await warmUp(
    [(count) => cost(holdfast.process, ours, count), (count) => cost(process, theirs, count)],
    { portion: quick ? 600 : 2500, quick }
  )
  const turn = (calls: typeof ours, { process }: { readonly process: OtherProxy["process"] }) => async () => {
    const before = process.cpu()
    const { calls: count, seconds: taken } = await load(calls, { seconds })
    return { rate: count / taken, cpu: (process.cpu() - before) * 1000 / count }
  }
  const pairs = await inTurns(quick ? 3 : 5, turn(ours, holdfast), turn(theirs, { process }))
  const of = (key: "rate" | "cpu", index: 0 | 1) => median(pairs.map((pair) => pair[index][key])).toFixed(0)
  return [
    atLeast(
      `calls a second, ${callers} callers, × ${name}`,
      ratio(pairs, ({ rate }) => rate),
      least,
      `${of("rate", 0)} a second and ${of("cpu", 0)} µs of CPU each, ${name} ${of("rate", 1)} and ${of("cpu", 1)} µs`
    )
  ]
}

export const otherRows = async (options: Options): Promise<ReadonlyArray<Row>> => {
  const directory = temporaryDirectory()
  try {
    await using rig = await startRig()
    const rows: Array<Row> = []
    for (const name of Object.keys(npmProxies)) {
      rows.push(...await beside(rig, startNpmProxy(name, directory), name, 2.5, options))
    }
    const nginx = join(directory, "nginx")
    mkdirSync(nginx)
    rows.push(...await beside(rig, startNginx(nginx, rig.relayUrl), "nginx", 0.75, options))
    return rows
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

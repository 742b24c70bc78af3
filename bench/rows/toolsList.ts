/** `tools/list` of 500 tools, 1 MiB, a fifth of them hidden, again and again while nothing changes. */
import { openCallers, type Target } from "../Caller.ts"
import { cost, inTurns, load, median, ratio, warmUp } from "../Load.ts"
import type { Process } from "../Process.ts"
import { type Call, startRig } from "../Rig.ts"
import { atLeast, type Options, type Row } from "../Row.ts"

const callers = 4
const tools = 500

const lists = async (target: Target, hidden: (name: string) => boolean): Promise<ReadonlyArray<Call>> => {
  const all = await openCallers(target, callers)
  return Promise.all(all.map(async (caller) => {
    const prepared = caller.prepare("tools/list", {}, "\"result\":")
    const first = (await caller.call(prepared)).body
    const names: ReadonlyArray<{ readonly name: string }> = JSON.parse(first.toString()).result.tools
    if (names.some(({ name }) => hidden(name)) || names.length < tools / 2) {
      throw new Error(`${target.name}: ${names.length} tools, not narrowed as they have to be`)
    }
    const member = "\"tools\":"
    const same = first.subarray(first.indexOf(member))
    return async () => {
      const reply = await caller.call(prepared)
      // Ids have equal lengths, so nothing else may differ.
      if (!reply.body.subarray(reply.body.indexOf(member)).equals(same)) {
        throw new Error(`${target.name}: the list changed by itself`)
      }
      return reply
    }
  }))
}

export const toolsListRows = async ({ quick }: Options): Promise<ReadonlyArray<Row>> => {
  await using rig = await startRig({
    relayArguments: ["0", String(tools)],
    settings: { menu: { rules: [{ tools: ["hidden_*"], needs: "isolatedWorktree" }] } }
  })
  const holdfast = await lists(rig.holdfast.target, (name) => name.startsWith("hidden_"))
  const bare = await lists(rig.bare.target, () => false)
  const seconds = quick ? 0.7 : 3
  await warmUp(
    [(count) => cost(rig.holdfast.process, holdfast, count), (count) => cost(rig.bare.process, bare, count)],
    { portion: quick ? 60 : 300, quick }
  )
  const turn = async (calls: ReadonlyArray<Call>, { process }: { readonly process: Process }) => {
    const before = process.cpu()
    const taken = await load(calls, { seconds })
    return { rate: taken.calls / taken.seconds, cpu: (process.cpu() - before) / taken.calls }
  }
  const pairs = await inTurns(quick ? 3 : 5, () => turn(holdfast, rig.holdfast), () => turn(bare, rig.bare))
  const rates = { ours: median(pairs.map(([a]) => a.rate)), theirs: median(pairs.map(([, b]) => b.rate)) }
  const cpu = { ours: median(pairs.map(([a]) => a.cpu)), theirs: median(pairs.map(([, b]) => b.cpu)) }
  return [
    atLeast(
      "tools/list of 500 tools, 1 MiB, narrowed, unchanged, × bare",
      ratio(pairs, ({ rate }) => rate),
      0.6,
      `${rates.ours.toFixed(0)} a second, bare ${rates.theirs.toFixed(0)}; CPU ${cpu.ours.toFixed(1)} ms, bare ${
        cpu.theirs.toFixed(1)
      }`
    )
  ]
}

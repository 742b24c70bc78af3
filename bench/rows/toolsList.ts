/** `tools/list` of 500 tools, 1 MiB, a fifth of them hidden, again and again while nothing changes. */
import { openCallers, type Target } from "../Caller.ts"
import { inTurns, load, median, ratio } from "../Load.ts"
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
  const pairs = await inTurns(quick ? 3 : 5, () => load(holdfast, { seconds }), () => load(bare, { seconds }))
  const rate = ({ calls, seconds }: { readonly calls: number; readonly seconds: number }) => calls / seconds
  return [
    atLeast(
      "tools/list of 500 tools, 1 MiB, narrowed, unchanged, × bare",
      ratio(pairs, rate),
      0.6,
      `${median(pairs.map(([a]) => rate(a))).toFixed(0)} a second, bare ${
        median(pairs.map(([, b]) => rate(b))).toFixed(0)
      } a second`
    )
  ]
}

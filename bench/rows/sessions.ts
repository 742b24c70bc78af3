/** A thousand sessions with a stream each: what they hold in memory, and how long news of the menu takes to reach all. */
import { setTimeout as sleep } from "node:timers/promises"
import { type Caller, openCallers, type Target } from "../Caller.ts"
import { startDaemon } from "../Daemon.ts"
import { type Process, startProgram } from "../Process.ts"
import { atMost, type Options, type Row } from "../Row.ts"

const count = 1000
const event = "notifications/tools/list_changed"

/** Memory after collection of garbage, and when the process has grown as far as it does. */
const held = async (daemon: Process): Promise<{ readonly heap: number; readonly resident: number }> => {
  await daemon.ask("heap")
  await sleep(1500)
  const heap = await daemon.ask<number>("heap")
  return { heap, resident: daemon.resident() }
}

/** In tens, as agents come, each with its list asked for: what the menu's fingerprint is taken of. */
const open = async (target: Target, sessions: number, onChanged: () => void): Promise<Array<Caller>> => {
  const callers: Array<Caller> = []
  while (callers.length < sessions) {
    const some = await openCallers(target, Math.min(10, sessions - callers.length))
    for (const caller of some) {
      await caller.call(caller.prepare("tools/list", {}, "\"relay_send_message\""))
      await caller.listen((text) => {
        if (text.includes(event)) onChanged()
      })
    }
    callers.push(...some)
  }
  return callers
}

/** Holdfast opens the relay's streams beside the agents'. */
const untilListening = async (streams: () => Promise<{ readonly streams: number }>): Promise<void> => {
  const end = performance.now() + 20_000
  while (performance.now() < end) {
    if ((await streams()).streams >= count) return
    await sleep(200)
  }
  throw new Error("the relay does not have a stream of each session")
}

/** KiB that the bare pass-through holds for each session: its three sockets and what Node has of them. */
const ofBare = async (): Promise<number> => {
  const relay = await startProgram("stubRelay", ["0", "20"])
  await using _relay = relay.process
  const bare = await startProgram("barePassThrough", [relay.url.href])
  await using _bare = bare.process
  const target = { name: "bare", url: bare.url, headers: {} }
  const some = await open(target, 50, () => {})
  const before = await held(bare.process)
  const all = await open(target, count, () => {})
  const after = await held(bare.process)
  for (const caller of [...some, ...all]) caller.close()
  return (after.resident - before.resident) * 1024 / count
}

export const sessionRows = async (_options: Options): Promise<ReadonlyArray<Row>> => {
  const bare = await ofBare()
  const relay = await startProgram("stubRelay", ["0", "20"])
  await using _relay = relay.process
  await using daemon = await startDaemon({ relay: relay.url })
  const target = { name: "holdfast", url: daemon.url, headers: daemon.headers }
  let changed = 0
  let done = () => {}
  const onChanged = () => {
    changed += 1
    if (changed === count) done()
  }

  // What the first sessions of a process cost is not theirs.
  await open(target, 50, () => {})
  const before = await held(daemon.process)
  await open(target, count, onChanged)
  const after = await held(daemon.process)
  const kilobytes = (of: "heap" | "resident") => (after[of] - before[of]) * 1024 / count

  await untilListening(() => relay.process.ask<{ readonly streams: number }>("streams"))
  await daemon.process.ask("delay")
  const all = new Promise<void>((resolve) => {
    done = resolve
  })
  const start = performance.now()
  await relay.process.ask("announce")
  await Promise.race([all, sleep(30_000)])
  const taken = (performance.now() - start) / 1000
  const blocked = await daemon.process.ask<number>("delay")
  if (changed < count) throw new Error(`list_changed reached ${changed} of ${count} sessions in 30 s`)
  return [
    atMost(
      "KiB a session with a stream",
      kilobytes("resident"),
      40,
      `resident, from ${before.resident.toFixed(0)} to ${
        after.resident.toFixed(0)
      } MiB with ${count}; heap after a collection: ${kilobytes("heap").toFixed(0)} KiB; bare ${
        bare.toFixed(0)
      } KiB a session`
    ),
    atMost("seconds until list_changed reached 1,000 sessions", taken, 1.5, `${changed} told`),
    atMost("ms that the event loop was blocked at most meanwhile", blocked, 50, "")
  ]
}

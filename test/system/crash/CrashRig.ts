/** One daemon, one data directory, one relay and its ledger, over a number of cycles. */
import { Effect, Fiber, Option } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Disk from "../../support/Disk.ts"
import { memoryDirectory } from "../../support/environment.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { audit, type Written } from "./Audit.ts"
import type { Programs } from "./bundle.ts"
import { ask, opened } from "./Client.ts"
import { crashDaemon } from "./CrashDaemon.ts"
import { DaemonSupervisor } from "./DaemonSupervisor.ts"
import { type Fate, type Mode, type Plan, planOf } from "./Plan.ts"
import { injectRelayFault } from "./relayFault.ts"
import type { Totals } from "./Totals.ts"

export interface RigOptions {
  readonly programs: Programs
  readonly seed: string
  readonly mode: Mode
  readonly from: number
  readonly cycles: number
}

/** Everything that waits in a real life waits here a fraction of it. */
const settings = (mode: Mode, relay: string, dataDir: string) => ({
  dataDir,
  relay: { url: relay },
  listen: { port: 0 },
  link: { silence: "150 millis", backoffBase: "20 millis", backoffCapLoopback: "100 millis", healthyAfter: "1 second" },
  outbox: {
    bufferable: ["relay_send_message", "fail"],
    lane: "to",
    waitForLane: "300 millis",
    retryBase: "20 millis",
    retryCap: "200 millis",
    retryHeld: "300 millis",
    keepDelivered: "3 seconds",
    ...(mode === "resends" ? { onUnknown: "resend" as const } : {})
  },
  log: { level: "error" as const, format: "logfmt" as const }
})

const clients = 3

/** SIGKILL leaves alone what the system has of a file, be it on a disk or in memory. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(memoryDirectory(), "holdfast-data-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

const carryOut = (supervisor: DaemonSupervisor, { _tag, ...fate }: Fate) =>
  Effect.gen(function*() {
    if ("trap" in fate && _tag === "At") return yield* supervisor.lay(fate.trap)
    if (!("after" in fate)) return
    yield* Effect.sleep(fate.after)
    yield* supervisor.kill("at random", "trap" in fate ? fate.trap : undefined)
  })

export const runRig = Effect.fnUntraced(function*(options: RigOptions, totals: Totals) {
  const { mode, programs, seed } = options
  const dataDir = yield* temporary
  const relay = yield* TestRelay.start({
    directory: yield* temporary,
    program: programs.relay,
    compileCache: programs.compileCache,
    dedupe: mode === "dedupes",
    declaresKey: mode === "dedupes"
  })
  const daemon = yield* crashDaemon({
    program: programs.daemon,
    compileCache: programs.compileCache,
    settings: settings(mode, relay.url, dataDir)
  })
  const supervisor = new DaemonSupervisor(daemon, dataDir, totals)
  yield* supervisor.start
  yield* Effect.forkScoped(supervisor.restartWhenDead)

  const secret = readFileSync(join(dataDir, "agent-secret"), "utf8").trim()
  const doors = yield* Effect.all(
    Array.from({ length: clients }, () => opened({ port: supervisor.port, secret }, "crash"))
  )
  const doorOf = (client: number) => ({ secret, session: doors[client % clients]?.session, port: supervisor.port })

  const written: Array<Written> = []
  const write = Effect.fnUntraced(function*(lanes: Plan["lanes"], cycle: number) {
    yield* Effect.forEach(lanes, (bursts, index) => {
      const lane = `lane ${index}`
      return Effect.forEach(
        bursts,
        (calls, burst) =>
          Effect.forEach(calls, (call) =>
            // A lane is written to by all clients in turn.
            Effect.map(ask(doorOf(index + burst), lane, call, mode === "dedupes"), (told) => {
              written.push({ call, lane, burst: cycle * 100 + burst, told })
            }), { concurrency: "unbounded" })
      )
    }, { concurrency: "unbounded" })
  })

  const ledger = Effect.map(relay.ledger, (entries) => entries.map((entry) => String(entry.arguments["text"])))
  const drained = eventually(
    "an empty queue",
    daemon.counts,
    Option.exists(({ held, inflight, pending }) => held + inflight + pending === 0),
    "30 seconds"
  )
  const check = Effect.gen(function*() {
    return audit(mode, written, yield* ledger, Disk.rows(dataDir))
  })

  for (let cycle = options.from; cycle < options.from + options.cycles; cycle++) {
    const plan = planOf(seed, cycle, mode)
    const happening = yield* Effect.forkChild(
      Effect.all([
        injectRelayFault(relay, plan.relayFault, totals),
        carryOut(supervisor, plan.fate),
        Effect.forEach(plan.clock, ({ after, by }) => Effect.andThen(Effect.sleep(after), supervisor.setClock(by)))
      ], { concurrency: "unbounded" }),
      { startImmediately: true }
    )
    yield* write(plan.lanes, cycle)
    yield* Fiber.join(happening)
    yield* relay.control.answerAsUsual
    // Now or while the queue is drained it comes to its trap, or never.
    if (supervisor.isLaid) {
      yield* Effect.ignore(drained)
      if (supervisor.isLaid) yield* supervisor.kill("with its work done")
    }
    const idle = yield* Effect.result(drained)
    yield* eventually("an idle relay", relay.control.counts, ({ inFlight }) => inFlight === 0)
    totals.cycled(mode)
    const verdict = yield* check
    const faults = [
      ...(idle._tag === "Failure" ? [`stuck: ${idle.failure.message}`] : []),
      ...(["lost", "doubled", "outOfOrder", "contradicted", "unexplained"] as const).flatMap((kind) =>
        verdict[kind].map((text) => `${kind}: ${text}`)
      )
    ]
    if (faults.length > 0) {
      totals.faults.push(...faults.map((fault) => `seed ${seed}, ${mode}, cycle ${cycle}: ${fault}`))
      break
    }
  }
  totals.add(mode, yield* check)
}, Effect.scoped)

/**
 * The daemon as the crash harness runs it: the whole runtime, with traps in its seams and below its SQL.
 *
 * Loads, and waits to be told to go, so that a next one can stand by while this one is being killed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Effect, Layer, Queue } from "effect"
import { flushCompileCache } from "node:module"
import { relayTargets, Settings, settingsFrom } from "../../../src/config/Settings.ts"
import { steadyClock } from "../../../src/domain/SteadyClock.ts"
import { Endpoint } from "../../../src/mcp/http/Endpoint.ts"
import { RelayRegistry } from "../../../src/mcp/RelayRegistry.ts"
import * as Logging from "../../../src/observability/Logging.ts"
import * as Runner from "../../../src/Runner.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import type { FromDaemon, ToDaemon } from "./DaemonTalk.ts"
import { killInHttp } from "./HttpSteps.ts"
import { KillPoint } from "./KillPoint.ts"
import { killInSql } from "./SqlSteps.ts"
import { transportKilledBy } from "./TransportSteps.ts"

// A process that is killed writes no cache of its own accord.
flushCompileCache()

const wallClock = Date.now
let clockSet = 0
Date.now = () => wallClock() + clockSet

const killPoint = new KillPoint()
killInSql(killPoint)
killInHttp(killPoint)

const orders = Effect.runSync(Queue.unbounded<ToDaemon>())
process.on("message", (order: ToDaemon) => Queue.offerUnsafe(orders, order))
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))

const send = (message: FromDaemon) => Effect.sync(() => process.send?.(message))

const followOrders = Effect.gen(function*() {
  const relays = yield* (yield* RelayRegistry).list
  const { port } = yield* Endpoint
  yield* send({ _tag: "Ready", port })
  while (true) {
    const order = yield* Queue.take(orders)
    if (order._tag === "Lay") {
      killPoint.lay(order.trap)
      yield* send({ _tag: "Laid" })
    }
    if (order._tag === "SetClock") clockSet += order.by
    if (order._tag === "Stats") {
      for (const { outbox } of relays) {
        const { oldestAt: _, ...counts } = yield* outbox.stats
        yield* send({ _tag: "Stats", counts })
      }
    }
  }
})

const serve = Effect.gen(function*() {
  const { escalated } = yield* Supervisor
  return yield* Effect.raceFirst(followOrders, escalated)
})

const runner = (settings: Settings["Service"]) =>
  Runner.layer({ relays: relayTargets(settings), seams: { transport: transportKilledBy(killPoint) } })

const main = Effect.gen(function*() {
  const order = yield* Queue.take(orders)
  if (order._tag !== "Go") return yield* Effect.die(new Error(`told ${order._tag} before Go`))
  killPoint.lay(order.trap)
  const settings = settingsFrom(order.settings)
  return yield* serve.pipe(
    Effect.provide(Layer.provideMerge(runner(settings), Logging.layer)),
    Effect.provideServiceEffect(Clock.Clock, Effect.map(Clock.Clock, steadyClock)),
    Effect.provideService(Settings, settings)
  )
})

NodeRuntime.runMain(main)

/** One actor alone, under a clock of this program's: a minute of restarts passes at once. */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Supervisor } from "holdfast"

const program = Effect.gen(function*() {
  const { escalated, supervise } = yield* Supervisor
  yield* supervise("poller")(Effect.fail("no such queue"))
  const waiting = yield* Effect.forkChild(Effect.flip(escalated))
  yield* TestClock.adjust("1 minute")
  yield* Console.log((yield* Fiber.join(waiting)).message)
}).pipe(Effect.scoped)

NodeRuntime.runMain(Effect.provide(program, Layer.merge(Supervisor.layer, TestClock.layer())))

/** What a relay does to those who use it; it is there again when this ends. */
import { Effect, Option } from "effect"
import type { TestRelay } from "../../support/relay/TestRelay.ts"
import type { RelayFault } from "./Plan.ts"
import type { Totals } from "./Totals.ts"

/** A relay that died meanwhile takes no orders: its death is the fault then. */
const unlessDead = (order: Effect.Effect<void>) => Effect.exit(order)

export const injectRelayFault = Effect.fnUntraced(function*(relay: TestRelay, fault: RelayFault, totals: Totals) {
  switch (fault._tag) {
    case "None":
      return
    case "Away":
      yield* Effect.sleep(fault.after)
      yield* relay.kill
      totals.killed("relay, at random")
      yield* Effect.sleep(fault.millis)
      return yield* relay.restart()
    case "DiesAt": {
      yield* unlessDead(relay.control.dieAt(fault.point))
      const died = yield* Effect.timeoutOption(relay.exited, "500 millis")
      // No write came, and none may come to a relay that is about to die when this is over.
      totals.killed(Option.isSome(died) ? `relay, ${fault.point}` : "relay, at random")
      yield* Effect.sleep(fault.millis)
      return yield* relay.restart()
    }
    case "Holds":
      yield* unlessDead(relay.control.hold(fault.point))
      yield* Effect.sleep(fault.millis)
      return yield* unlessDead(relay.control.release(fault.point))
    case "Answers":
      return yield* unlessDead(relay.control.answerNext(fault.count, fault.answer, { rpcMethod: "tools/call" }))
  }
})

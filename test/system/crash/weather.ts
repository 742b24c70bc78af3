/** What a relay does to those who use it; it is there again when this ends. */
import { Effect, Option } from "effect"
import type { TestRelay } from "../../support/relay/TestRelay.ts"
import type { Weather } from "./Plan.ts"
import type { Totals } from "./Totals.ts"

/** A relay that died meanwhile obeys no more; that is weather too. */
const told = (order: Effect.Effect<void>) => Effect.exit(order)

export const beWeather = Effect.fnUntraced(function*(relay: TestRelay, weather: Weather, totals: Totals) {
  switch (weather._tag) {
    case "Fair":
      return
    case "Away":
      yield* Effect.sleep(weather.after)
      yield* relay.kill
      totals.killed("relay, at random")
      yield* Effect.sleep(weather.millis)
      return yield* relay.restart()
    case "DiesAt": {
      yield* told(relay.control.dieAt(weather.point))
      const died = yield* Effect.timeoutOption(relay.exited, "500 millis")
      // No write came, and none may come to a relay that is about to die when this is over.
      totals.killed(Option.isSome(died) ? `relay, ${weather.point}` : "relay, at random")
      yield* Effect.sleep(weather.millis)
      return yield* relay.restart()
    }
    case "Holds":
      yield* told(relay.control.hold(weather.point))
      yield* Effect.sleep(weather.millis)
      return yield* told(relay.control.release(weather.point))
    case "Answers":
      return yield* told(relay.control.answerNext(weather.count, weather.answer, { rpcMethod: "tools/call" }))
  }
})

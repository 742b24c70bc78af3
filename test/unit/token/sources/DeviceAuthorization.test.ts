import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as DeviceAuthorization from "../../../../src/token/sources/DeviceAuthorization.ts"
import * as LoginPlace from "../../../../src/token/sources/LoginPlace.ts"
import { eventually } from "../../../support/eventually.ts"
import { authorizationServer } from "../../../support/token/authorizationServer.ts"
import { withServices } from "../../../support/token/withServices.ts"

/** A login at a server that says this of a code, besides the code. */
const begun = Effect.fnUntraced(function*(said: string) {
  const server = yield* authorizationServer({
    device: `{"device_code":"d","user_code":"u","verification_uri":"http://127.0.0.1/",${said}}`
  })
  const login = yield* Effect.result(Effect.flatMap(
    LoginPlace.find({ relay: server.relay }),
    (place) => DeviceAuthorization.begin(place, { client: { id: "c" } })
  ))
  return { login, state: server.state }
})

describe("a login by a device", () => {
  it.effect.each(
    [
      { said: `"expires_in":1e999,"interval":1e999`, pause: "60 seconds" },
      { said: `"expires_in":1e300,"interval":-1e999`, pause: "1 seconds" },
      { said: `"expires_in":"99999999999999999999","interval":"soon"`, pause: "5 seconds" }
    ] as const
  )(
    "waits for as long as somebody would, and asks now and then, where the server says $said",
    ({ pause, said }) =>
      withServices(Effect.gen(function*() {
        const { login, state } = yield* begun(said)
        const { complete } = yield* Effect.fromResult(login)
        const waiting = yield* Effect.forkChild(Effect.flip(complete), { startImmediately: true })
        yield* TestClock.adjust(pause)
        yield* TestClock.withLive(eventually("a question", Effect.sync(() => state.asked), (asked) => asked > 0))
        assert.strictEqual(state.asked, 1)
        yield* TestClock.adjust("24 hours")
        assert.strictEqual((yield* Fiber.join(waiting)).code, "expired_token")
      }))
  )

  it.effect("needs to know how long the code is good", () =>
    withServices(Effect.gen(function*() {
      const { login } = yield* begun(`"expires_in":"soon"`)
      assert.strictEqual((yield* Effect.flip(Effect.fromResult(login))).code, "no code")
    })))
})

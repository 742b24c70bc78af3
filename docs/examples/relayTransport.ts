/** The relay transport: this program counts what goes to the relay, and leaves the sending to Holdfast's own. */
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Ref } from "effect"
import { defaultRelay, Holdfast, RelayTransport } from "holdfast"

const program = Effect.gen(function*() {
  const url = yield* Config.String("RELAY_URL")
  const attempts = yield* Ref.make(0)

  const counting = Layer.effect(
    RelayTransport,
    Effect.map(
      RelayTransport,
      ({ send }) =>
        RelayTransport.of({ send: (attempt) => Effect.andThen(Ref.update(attempts, (n) => n + 1), send(attempt)) })
    )
  ).pipe(Layer.provide(RelayTransport.layer))

  yield* Effect.gen(function*() {
    const holdfast = yield* Holdfast
    yield* Console.log(`agents connect to ${holdfast.url}`)
    yield* holdfast.refreshTools(defaultRelay)
  }).pipe(Effect.provide(Holdfast.layer({ settings: { relay: { url }, listen: { port: 0 } }, transport: counting })))

  yield* Console.log(`${yield* Ref.get(attempts)} attempts at the relay`)
})

NodeRuntime.runMain(program)

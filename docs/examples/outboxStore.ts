/**
 * Where the queue is stored: here in memory, for a program whose calls need not outlive it.
 *
 * `Database.layerOf` takes any SQLite client of Effect, and brings it to Holdfast's tables. The option `outboxStore` puts
 * another `OutboxStore` under the queue alone, or one around `SqliteOutboxStore.layer`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { Database, Holdfast } from "holdfast"

const layer = Layer.unwrap(Effect.gen(function*() {
  const url = yield* Config.String("RELAY_URL")
  return Holdfast.layer({ settings: { relay: { url }, listen: { port: 0 } }, database: Database.layerMemory })
}))

const program = Effect.gen(function*() {
  const { url } = yield* Holdfast
  yield* Console.log(`agents connect to ${url}; what is queued goes with this program`)
})

NodeRuntime.runMain(Effect.provide(program, layer))

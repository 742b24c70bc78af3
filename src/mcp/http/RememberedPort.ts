/** The port that was picked for port 0, kept over restarts because agents keep the URL (BEHAVIOUR 1). */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { DataDirectory, type DataDirectoryUnusable } from "../../storage/DataDirectory.ts"

const Port = Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 65535 }))

export class RememberedPort extends Context.Service<RememberedPort, {
  /** `None` where none was picked yet, or what is there is no port. */
  readonly get: Effect.Effect<Option.Option<number>, DataDirectoryUnusable>
  readonly set: (port: number) => Effect.Effect<void, DataDirectoryUnusable>
}>()("holdfast/mcp/RememberedPort") {
  /** In the file `port` of the data directory. */
  static readonly layerNoDeps = Layer.effect(
    RememberedPort,
    Effect.gen(function*() {
      const directory = yield* DataDirectory
      return RememberedPort.of({
        get: Effect.map(directory.readSecretFile("port"), Option.flatMap(Schema.decodeOption(Port))),
        set: (port) => directory.writeAtomically("port", `${port}\n`)
      })
    })
  )

  static readonly layerMemory = Layer.sync(RememberedPort, () => {
    let remembered = Option.none<number>()
    return RememberedPort.of({
      get: Effect.sync(() => remembered),
      set: (port) =>
        Effect.sync(() => {
          remembered = Option.some(port)
        })
    })
  })
}

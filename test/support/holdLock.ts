// A daemon that only holds the lock of the directory it is given, until it is killed; it says which of the two happened.
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { DaemonLock } from "../../src/storage/DaemonLock.ts"
import { DataDirectory } from "../../src/storage/DataDirectory.ts"
import * as EndpointFile from "../../src/storage/EndpointFile.ts"

const path = process.argv[2] ?? ""
const print = (word: string) => Effect.sync(() => process.stdout.write(word))

const hold = Effect.gen(function*() {
  yield* DaemonLock
  yield* EndpointFile.announce({ url: "http://127.0.0.1:4851/mcp", port: 4851, pid: process.pid, startedAt: 0 })
  yield* print("held")
  return yield* Effect.never
})

hold.pipe(
  Effect.scoped,
  Effect.provide(DaemonLock.layer.pipe(Layer.provideMerge(DataDirectory.layerAt(path)))),
  Effect.catch((error) => print(error._tag)),
  NodeRuntime.runMain
)

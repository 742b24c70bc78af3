import { NodeFileSystem } from "@effect/platform-node"
import { Effect, FileSystem } from "effect"

/** A directory that goes with the test's scope. */
export const temporaryDirectory = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeFileSystem.layer)
)

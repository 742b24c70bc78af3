import { NodeFileSystem } from "@effect/platform-node"
import { Effect, FileSystem } from "effect"
import { memoryDirectory } from "./environment.ts"

/** A directory that goes with the test's scope. */
export const temporaryDirectory = Effect.flatMap(
  FileSystem.FileSystem,
  (fs) => fs.makeTempDirectoryScoped({ directory: memoryDirectory() })
).pipe(Effect.provide(NodeFileSystem.layer))

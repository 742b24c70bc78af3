import { Console, Effect, Option, Path } from "effect"
import { Command } from "effect/cli"
import { hostsOf, originOf } from "../../config/CredentialSettings.ts"
import * as GitInstall from "../../credentials/GitInstall.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import { shellWord } from "../config/ClientEntry.ts"
import { dataDirectory, settings } from "../configuration.ts"
import { UsageError } from "../Failures.ts"
import { root } from "../root.ts"
import { gitConfigFile, repositoryFlag } from "./gitConfigFile.ts"

/** This very program, whatever PATH git has, on the same data directory and configuration. */
const ownCommand = Effect.gen(function*() {
  const path = yield* Path.Path
  const { config } = yield* root
  const words = [
    process.execPath,
    path.resolve(process.argv[1] ?? ""),
    "credential",
    "--data-dir",
    yield* dataDirectory,
    ...Option.match(config, { onNone: () => [], onSome: (file) => ["--config", path.resolve(file)] })
  ]
  return words.map(shellWord).join(" ")
})

export const install = Command.make(
  "install",
  { repository: repositoryFlag },
  Effect.fn(function*({ repository }) {
    const { credentials } = yield* settings
    const origins = Object.values(credentials).flatMap((one) => hostsOf(one).flatMap((host) => originOf(host) ?? []))
    if (origins.length === 0) {
      return yield* new UsageError({
        message: "no credential is configured: name its hosts and its source in the settings, under credentials"
      })
    }
    const file = yield* gitConfigFile(repository)
    const change = yield* GitInstall.install({ file, origins, command: yield* ownCommand }).pipe(
      Effect.provide(DataDirectory.layerAt(yield* dataDirectory))
    )
    yield* Console.log(`added to ${change.file}:`)
    for (const { key, value } of change.added) yield* Console.log(`  ${key} = ${value}`)
    yield* Console.log("\"holdfast credential uninstall\" takes it out again")
  })
).pipe(Command.withDescription("Make git ask Holdfast for the configured hosts; shows what it changes"))

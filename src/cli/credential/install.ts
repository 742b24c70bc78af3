/** `credential install` and `uninstall`: they put Holdfast into git's configuration, and take it out again. */
import { Console, Effect, FileSystem, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { shellWord } from "../../clients/ClientEntry.ts"
import { hostsOf, originOf } from "../../config/CredentialSettings.ts"
import * as GitInstall from "../../credentials/GitInstall.ts"
import { git } from "../../credentials/GitInstall.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import { self } from "../../supervision/ownProgram.ts"
import { dataDirectory, settings } from "../configuration.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import { root } from "../root.ts"

const repositoryFlag = Flag.Boolean("repository").pipe(
  Flag.withDescription("In the configuration of this repository, not in the user's"),
  Flag.withDefault(false)
)

/** The file that `git config --global` would write, or `--local`. */
const gitConfigFile = Effect.fnUntraced(function*(repository: boolean) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (repository) {
    const found = yield* Effect.mapError(
      git("rev-parse", "--git-path", "config"),
      () => new CommandFailed({ message: "this is no git repository: run it in one, or without --repository" })
    )
    return path.resolve(found.trim())
  }
  const { GIT_CONFIG_GLOBAL, HOME, XDG_CONFIG_HOME } = process.env
  if (GIT_CONFIG_GLOBAL) return path.resolve(GIT_CONFIG_GLOBAL)
  if (!HOME) return yield* new CommandFailed({ message: "HOME is not set, so there is no user's git configuration" })
  const own = path.join(HOME, ".gitconfig")
  const other = path.join(XDG_CONFIG_HOME || path.join(HOME, ".config"), "git", "config")
  return !(yield* fs.exists(own)) && (yield* fs.exists(other)) ? other : own
})

/** Beside `main`, by which a clone is run, lies `bin`: it starts git's helper without all the rest. */
const launched = ([node, ...words]: ReturnType<typeof self>) => [
  node,
  ...words.map((word) => word.replace(/(?<=[/\\]src[/\\])main(?=\.ts$)/, "bin"))
]

/** This very program, whatever PATH git has, on the same data directory and configuration. */
const ownCommand = Effect.gen(function*() {
  const path = yield* Path.Path
  const { config } = yield* root
  const words = [
    ...launched(self()),
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
    const change = yield* GitInstall.install({ file, repository, origins, command: yield* ownCommand }).pipe(
      Effect.provide(DataDirectory.layerAt(yield* dataDirectory))
    )
    yield* Console.log(`added to ${change.file}:`)
    for (const { key, value } of change.added) yield* Console.log(`  ${key} = ${value}`)
    yield* Console.log("\"holdfast credential uninstall\" takes it out again")
  })
).pipe(
  Command.withDescription("Make git ask Holdfast for the configured hosts; shows what it changes"),
  Command.withExamples([
    { command: "holdfast credential install", description: "For all of your repositories" },
    { command: "holdfast credential install --repository", description: "For this repository only" }
  ])
)

export const uninstall = Command.make(
  "uninstall",
  { repository: repositoryFlag },
  Effect.fn(function*({ repository }) {
    const file = yield* gitConfigFile(repository)
    const done = yield* GitInstall.uninstall(file).pipe(
      Effect.provide(DataDirectory.layerAt(yield* dataDirectory))
    )
    yield* Console.log(Option.match(done, {
      onNone: () => `nothing of Holdfast's is in ${file}`,
      onSome: ({ exact }) =>
        exact ? `${file} is as it was` : `${file} was changed meanwhile: only Holdfast's lines were taken out`
    }))
  })
).pipe(
  Command.withDescription("Remove it from git's configuration again, restoring the file exactly"),
  Command.withExamples([{ command: "holdfast credential uninstall", description: "Undo credential install" }])
)

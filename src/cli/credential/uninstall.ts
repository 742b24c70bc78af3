import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as GitInstall from "../../credentials/GitInstall.ts"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import { dataDirectory } from "../configuration.ts"
import { gitConfigFile, repositoryFlag } from "./gitConfigFile.ts"

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
).pipe(Command.withDescription("Take it out of git's configuration again, restoring it exactly"))

import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as UserFile from "../../storage/UserFile.ts"
import { dataDirectory } from "../configuration.ts"
import { CommandFailed } from "../Failures.ts"
import { contentOf, fileArgument, realFile } from "./fileArgument.ts"
import { reloaded, removeRelays } from "./ownConfiguration.ts"
import * as Wrapped from "./Wrapped.ts"

export const unwrap = Command.make("unwrap", { file: fileArgument }, ({ file: named }) =>
  Effect.gen(function*() {
    const file = yield* realFile(named)
    const dataDir = yield* dataDirectory
    const record = yield* Wrapped.find(dataDir, file)
    if (Option.isNone(record)) {
      return yield* new CommandFailed({ message: `${file} was not wrapped by a Holdfast on ${dataDir}` })
    }
    const { configuration, digest, original, relays } = record.value
    const before = Buffer.from(original, "base64")
    const present = yield* contentOf(file)
    const isOriginal = before.equals(present)
    if (!isOriginal && Wrapped.digestOf(present) !== digest) {
      const kept = yield* Wrapped.keepOriginal(dataDir, file, before)
      return yield* new CommandFailed({
        message: `${file} was changed since it was wrapped, and is left alone; what it was before is in ${kept}. `
          + "Bring over what you changed, put that in place of the file, and unwrap again"
      })
    }
    if (!isOriginal) yield* UserFile.replace(file, before)
    yield* removeRelays(configuration, relays)
    // While the daemon has a relay it reads the file of its secret.
    const live = yield* reloaded(dataDir)
    yield* Wrapped.forget(dataDir, record.value)
    yield* Console.log(`${file} is as it was; no longer relays of Holdfast: ${relays.join(", ")}`)
    for (const { relay, undelivered } of Option.match(live, { onNone: () => [], onSome: ({ removed }) => removed })) {
      if (undelivered === 0) continue
      yield* Console.error(
        `${undelivered} calls for ${relay} are not delivered; they stay in ${dataDir}, for a relay of this name and URL`
      )
    }
  })).pipe(
    Command.withDescription("Bring a wrapped configuration back, byte for byte"),
    Command.withExamples([{ command: "holdfast unwrap .mcp.json", description: "Undo holdfast wrap .mcp.json" }])
  )

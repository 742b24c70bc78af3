/** Holdfast's own configuration file, whose relays come and go with what is wrapped; its layout stays. */
import { Effect, FileSystem, Option, Path, Predicate, Result } from "effect"
import { applyEdits, modify } from "jsonc-parser"
import type { RelayEntry } from "../../clients/relayEntry.ts"
import * as ConfigFile from "../../config/ConfigFile.ts"
import * as UserFile from "../../storage/UserFile.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { UsageError } from "../Failures.ts"
import { root } from "../root.ts"
import type { Change } from "./Change.ts"

const formattingOptions = { insertSpaces: true, tabSize: 2, eol: "\n" }

/** The one in force, else where a first one belongs. */
export const ownFile = Effect.gen(function*() {
  const { config } = yield* root
  const located = yield* ConfigFile.locate(process.env, Option.getOrUndefined(config))
  if (Option.isSome(located)) return located.value
  const path = yield* Path.Path
  const home = process.env["XDG_CONFIG_HOME"] || (process.env["HOME"] && path.join(process.env["HOME"], ".config"))
  if (home) return path.join(home, "holdfast", "holdfast.json")
  return yield* new UsageError({ message: "there is no home to keep the configuration in: name a file with --config" })
})

const exists = (file: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.orElseSucceed(fs.exists(file), () => false))

export const relayNames = Effect.fnUntraced(function*(file: string) {
  if (!(yield* exists(file))) return new Set<string>()
  const { relays } = yield* ConfigFile.read(file)
  return new Set(Predicate.isObject(relays) ? Object.keys(relays) : [])
})

/** The text with these relays; with `undefined` one goes. */
const withRelays = (
  text: string | undefined,
  relays: Iterable<readonly [string, RelayEntry | undefined]>
): string =>
  Array.from(relays).reduce(
    (text, [name, entry]) => applyEdits(text, modify(text, ["relays", name], entry, { formattingOptions })),
    text ?? "{}\n"
  )

/** What the file becomes with them. */
export const addRelays = Effect.fnUntraced(function*(file: string, relays: ReadonlyMap<string, RelayEntry>) {
  const before = yield* UserFile.read(file)
  const text = Option.getOrUndefined(Option.map(before, (bytes) => new TextDecoder().decode(bytes)))
  return { file, before, after: withRelays(text, relays) } satisfies Change
})

export const removeRelays = Effect.fnUntraced(function*(file: string, names: ReadonlyArray<string>) {
  const known = yield* relayNames(file)
  const gone = names.filter((name) => known.has(name))
  if (gone.length === 0) return
  const present = Option.map(yield* UserFile.read(file), (bytes) => new TextDecoder().decode(bytes))
  const text = withRelays(Option.getOrUndefined(present), gone.map((name) => [name, undefined] as const))
  const emptied = gone.length === known.size ? modify(text, ["relays"], undefined, { formattingOptions }) : []
  yield* UserFile.replace(file, applyEdits(text, emptied))
})

// What the running daemon makes of a changed configuration; `None` where none runs.

/** Fails, where the daemon keeps the relays that it has, with the reason. `variables`: see `ReloadView.unset`. */
export const reloaded = Effect.fn("reloaded")(function*(dataDir: string, variables: ReadonlyArray<string> = []) {
  const asked = yield* Effect.result(
    Effect.flatMap(DaemonClient, ({ ask }) => ask((client) => client.relays.reload({ payload: { variables } }))).pipe(
      Effect.provide(DaemonClient.layer(dataDir))
    )
  )
  if (Result.isSuccess(asked)) return Option.some(asked.success)
  return asked.failure._tag === "NoDaemon" ? Option.none() : yield* asked.failure
})

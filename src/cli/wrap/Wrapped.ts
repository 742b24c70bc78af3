/** What `wrap` did to a file, kept in the data directory until `unwrap`: the file as it was, and the relays it became. */
import { Context, Effect, FileSystem, Layer, Option, Path, Schema } from "effect"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import * as UserFile from "../../storage/UserFile.ts"

export const Wrapped = Schema.Struct({
  file: Schema.String,
  /** Byte for byte, in base64. */
  original: Schema.String,
  /** Of the text that was put in its place. */
  digest: Schema.String,
  /** Holdfast's own configuration file, and the relays that were added to it. */
  configuration: Schema.String,
  relays: Schema.Array(Schema.String),
  /** Names of the files, beside this record, that hold what the file had in plain text. */
  secrets: Schema.optionalKey(Schema.Array(Schema.String))
})
export type Wrapped = typeof Wrapped.Type

const Text = Schema.fromJsonString(Wrapped)

export const digestOf = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex")

const stem = (file: string): string => `wrapped-${digestOf(file).slice(0, 16)}`
const originalOf = (file: string): string => `${stem(file)}.original`
const recordOf = (file: string): string => `${stem(file)}.json`

/** The name of a file for what stood in plain text: the relay's first, second, … */
export const secretOf = (file: string, relay: string, index: number): string => `${stem(file)}-${relay}-${index}.secret`

const directory = (dataDir: string) =>
  Effect.map(Layer.build(DataDirectory.layerAt(dataDir)), (context) => Context.get(context, DataDirectory))

/** The record first, so that whatever fails later, `unwrap` knows the way back; then the secrets, by their names. */
export const keep = Effect.fnUntraced(
  function*(dataDir: string, wrapped: Wrapped, secrets: ReadonlyMap<string, string>) {
    const text = yield* Effect.orDie(Schema.encodeEffect(Text)(wrapped))
    const { writeAtomically } = yield* directory(dataDir)
    yield* writeAtomically(recordOf(wrapped.file), text)
    for (const [name, secret] of secrets) yield* writeAtomically(name, `${secret}\n`)
  },
  Effect.scoped
)

export const find = Effect.fnUntraced(function*(dataDir: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const text = yield* Effect.option(fs.readFileString(path.join(dataDir, recordOf(file))))
  return Option.flatMap(text, Schema.decodeOption(Text))
})

/** All relays that came of wrapped files: their clients have them by what `wrap` wrote. */
export const wrappedRelays = Effect.fnUntraced(function*(dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* Effect.orElseSucceed(fs.readDirectory(dataDir), () => [])
  const records = yield* Effect.forEach(
    names.filter((name) => /^wrapped-[0-9a-f]+\.json$/.test(name)),
    (name) => Effect.option(fs.readFileString(path.join(dataDir, name)))
  )
  return new Set(
    records.flatMap((text) => Option.toArray(Option.flatMap(text, Schema.decodeOption(Text)))).flatMap(({ relays }) =>
      relays
    )
  )
})

/** As it was, in a file of the data directory, whose path comes back: nothing is written beside the file. */
export const keepOriginal = Effect.fnUntraced(function*(dataDir: string, file: string, original: Uint8Array) {
  const path = join(dataDir, originalOf(file))
  yield* UserFile.replace(path, original)
  return path
})

/** With its secrets. */
export const forget = Effect.fnUntraced(function*(dataDir: string, { file, secrets = [] }: Wrapped) {
  const { remove } = yield* directory(dataDir)
  for (const name of secrets) yield* remove(name)
  yield* remove(originalOf(file))
  yield* remove(recordOf(file))
}, Effect.scoped)

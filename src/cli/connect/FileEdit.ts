/**
 * What `connect` changed in files of the user's, kept in the data directory until `connect --undo`, which brings each back
 * byte for byte; where a file was changed meanwhile only our entry goes.
 *
 * The record is on disk before the file changes, so the way back is there whatever fails.
 */
import { Context, Effect, FileSystem, Layer, Option, Path, Result, Schema } from "effect"
import { createHash } from "node:crypto"
import { DataDirectory } from "../../storage/DataDirectory.ts"
import * as UserFile from "../../storage/UserFile.ts"

export const EditRecord = Schema.Struct({
  /** Whose file it is: a client's command, or `configuration` for Holdfast's own. */
  owner: Schema.String,
  /** The server's or the relay's name in it. */
  name: Schema.String,
  file: Schema.String,
  /** Byte for byte, in base64; `null` where there was no file. */
  before: Schema.NullOr(Schema.String),
  /** Of the text that was put in its place. */
  digest: Schema.String
})
export type EditRecord = typeof EditRecord.Type

const Text = Schema.fromJsonString(EditRecord)

export interface Edit {
  readonly owner: string
  readonly name: string
  readonly file: string
  readonly put: (text: string) => Result.Result<string, string>
  readonly remove: (text: string) => string
  readonly holds: (text: string) => boolean
}

const digestOf = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex")
const recordOf = (owner: string, name: string) => `connected-${owner}-${name}.json`

const within = (dataDir: string) =>
  Effect.map(Layer.build(DataDirectory.layerAt(dataDir)), (context) => Context.get(context, DataDirectory))

const find = Effect.fnUntraced(function*(dataDir: string, record: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const text = yield* Effect.option(fs.readFileString(path.join(dataDir, record)))
  return Option.flatMap(text, Schema.decodeOption(Text))
})

const failing = (file: string) =>
  Effect.mapError((error: { readonly message: string }) =>
    error instanceof UserFile.FileRefused ? error : new UserFile.FileRefused({ file, detail: error.message })
  )

/** Whether anything was changed: not where the file says the same already. */
export const apply = Effect.fn("FileEdit.apply")(function*(dataDir: string, edit: Edit) {
  const present = yield* UserFile.read(edit.file)
  const text = Option.match(present, { onNone: () => "", onSome: (bytes) => new TextDecoder().decode(bytes) })
  if (Option.isSome(present) && edit.holds(text)) return false
  const after = yield* Effect.mapError(
    Effect.fromResult(edit.put(text)),
    (detail) => new UserFile.FileRefused({ file: edit.file, detail })
  )
  const record = recordOf(edit.owner, edit.name)
  const earlier = Option.filter(yield* find(dataDir, record), ({ file }) => file === edit.file)
  const original = Option.match(present, {
    onNone: () => null,
    onSome: (bytes) => Buffer.from(bytes).toString("base64")
  })
  const before = Option.match(earlier, {
    onNone: () => original,
    onSome: ({ before, digest }) =>
      digest === digestOf(text) ? before : Buffer.from(edit.remove(text)).toString("base64")
  })
  const directory = yield* within(dataDir)
  yield* directory.writeAtomically(
    record,
    yield* Effect.orDie(
      Schema.encodeEffect(Text)({
        owner: edit.owner,
        name: edit.name,
        file: edit.file,
        before,
        digest: digestOf(after)
      })
    )
  ).pipe(failing(edit.file))
  yield* UserFile.replace(edit.file, after)
  return true
}, Effect.scoped)

export const records = Effect.fnUntraced(function*(dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* Effect.orElseSucceed(fs.readDirectory(dataDir), () => [])
  const found = yield* Effect.forEach(
    names.filter((name) => /^connected-.*\.json$/.test(name)),
    (name) => find(dataDir, name)
  )
  return found.flatMap(Option.toArray)
})

/** `restored`: byte for byte; `removed`: the file was changed since, and only our entry went; `gone`: nothing was left to do. */
export const undo = Effect.fn("FileEdit.undo")(
  function*(dataDir: string, record: EditRecord, remove: (text: string, name: string) => string) {
    const present = yield* UserFile.read(record.file)
    const before = record.before === null ? undefined : Buffer.from(record.before, "base64")
    const outcome = yield* Effect.gen(function*() {
      if (Option.isNone(present) || before?.equals(present.value) === true) return "gone"
      if (digestOf(present.value) === record.digest) {
        yield* before === undefined ? UserFile.remove(record.file) : UserFile.replace(record.file, before)
        return "restored"
      }
      const text = new TextDecoder().decode(present.value)
      const without = remove(text, record.name)
      if (without === text) return "gone"
      yield* UserFile.replace(record.file, without)
      return "removed"
    })
    yield* (yield* within(dataDir)).remove(recordOf(record.owner, record.name)).pipe(failing(record.file))
    return outcome
  },
  Effect.scoped
)

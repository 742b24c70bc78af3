/**
 * An entry in a configuration file of somebody else's, for as long as the scope is open.
 *
 * Comments and layout stay. Afterwards the file is as it was, byte for byte; where it was changed meanwhile, only the entry
 * goes. One that is there already in the same words is somebody else's, and stays.
 */
import { Effect, FileSystem, Option, Schema } from "effect"
import { applyEdits, findNodeAtLocation, getNodeValue, modify, parse, type ParseError, parseTree } from "jsonc-parser"
import { replaceFile } from "./replaceFile.ts"

export interface BorrowedEntry {
  readonly file: string
  readonly path: ReadonlyArray<string>
  readonly value: object
}

export class NotConfigurable extends Schema.TaggedError<NotConfigurable>()("NotConfigurable", {
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.file} cannot take an entry for Holdfast: ${this.detail}`
  }
}

const lenient = { allowTrailingComma: true, disallowComments: false }

const put = (text: string, path: ReadonlyArray<string>, value: object | undefined): string =>
  applyEdits(
    text,
    modify(text, [...path], value, {
      formattingOptions: { insertSpaces: true, tabSize: 2, eol: text.includes("\r\n") ? "\r\n" : "\n" }
    })
  )

const holds = (text: string, { path, value }: BorrowedEntry): boolean => {
  const root = parseTree(text, [], lenient)
  const node = root === undefined ? undefined : findNodeAtLocation(root, [...path])
  return node !== undefined && JSON.stringify(getNodeValue(node)) === JSON.stringify(value)
}

const read = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.asSome(fs.readFileString(file)).pipe(
    Effect.catchIf((error) => error.reason._tag === "NotFound", () => Effect.succeedNone)
  )
})

export const borrow = Effect.fn("BorrowedEntry.borrow")(function*(entry: BorrowedEntry) {
  const fs = yield* FileSystem.FileSystem
  const refused = (error: { readonly message: string }) =>
    new NotConfigurable({ file: entry.file, detail: error.message })
  const before = yield* Effect.mapError(read(entry.file), refused)
  const text = Option.getOrElse(before, () => "{}\n")
  const errors: Array<ParseError> = []
  parse(text, errors, lenient)
  if (errors.length > 0) return yield* new NotConfigurable({ file: entry.file, detail: "it is not JSON" })
  if (holds(text, entry)) return
  const after = put(text, entry.path, entry.value)

  const giveBack = Effect.gen(function*() {
    const present = yield* read(entry.file)
    if (Option.isNone(present)) return
    if (present.value !== after) {
      if (holds(present.value, entry)) yield* replaceFile(entry.file, put(present.value, entry.path, undefined))
      return
    }
    yield* Option.match(before, {
      onNone: () => fs.remove(entry.file),
      onSome: (text) => replaceFile(entry.file, text)
    })
  })
  yield* Effect.acquireRelease(
    Effect.mapError(replaceFile(entry.file, after), refused),
    () => Effect.ignore(giveBack)
  )
})

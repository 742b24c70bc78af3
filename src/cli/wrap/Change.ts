/** Files that change together: all of them, and what follows from it, or none. */
import { Effect, FileSystem, Option } from "effect"
import { replaceFile } from "../../clients/replaceFile.ts"

export interface Change {
  readonly file: string
  /** `None` where there is no such file yet. */
  readonly before: Option.Option<Uint8Array>
  readonly after: string
}

export const contentOf = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.readFile(file).pipe(
    Effect.map((bytes) => Option.some<Uint8Array>(bytes)),
    Effect.catchIf((error) => error.reason._tag === "NotFound", () => Effect.succeed(Option.none<Uint8Array>()))
  )
})

const is = (content: Option.Option<Uint8Array>, other: Option.Option<Uint8Array>): boolean =>
  Option.isNone(content)
    ? Option.isNone(other)
    : Option.exists(other, (bytes) => Buffer.compare(bytes, content.value) === 0)

export const write = (changes: ReadonlyArray<Change>) =>
  Effect.forEach(
    changes.filter(({ after, before }) => !is(Option.some(Buffer.from(after)), before)),
    ({ after, file }) => replaceFile(file, after),
    { discard: true }
  )

/** Puts back, byte for byte, what was there before. Those that it could not, or that somebody else has changed since. */
export const undo = (changes: ReadonlyArray<Change>) =>
  Effect.filter(changes.toReversed(), ({ after, before, file }) =>
    Effect.gen(function*() {
      const present = yield* contentOf(file)
      if (is(present, before)) return false
      if (!is(present, Option.some(Buffer.from(after)))) return true
      const fs = yield* FileSystem.FileSystem
      yield* Option.match(before, { onNone: () => fs.remove(file), onSome: (bytes) => replaceFile(file, bytes) })
      return false
    }).pipe(Effect.orElseSucceed(() => true)))

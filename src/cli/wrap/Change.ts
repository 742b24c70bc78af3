/** Files that change together: all of them, and what follows from it, or none. */
import { Effect, Option } from "effect"
import * as UserFile from "../../storage/UserFile.ts"

export interface Change {
  readonly file: string
  /** `None` where there is no such file yet. */
  readonly before: Option.Option<Uint8Array>
  readonly after: string
  /** Of a file whose text goes into this one: who may not read that one may not read this one either. */
  readonly maxMode?: number
}

const is = (content: Option.Option<Uint8Array>, other: Option.Option<Uint8Array>): boolean =>
  Option.isNone(content)
    ? Option.isNone(other)
    : Option.exists(other, (bytes) => Buffer.compare(bytes, content.value) === 0)

export const write = (changes: ReadonlyArray<Change>) =>
  Effect.forEach(
    changes.filter(({ after, before }) => !is(Option.some(Buffer.from(after)), before)),
    ({ after, file, maxMode }) => UserFile.replace(file, after, maxMode === undefined ? {} : { maxMode }),
    { discard: true }
  )

/** Puts back, byte for byte, what was there before. Those that it could not, or that somebody else has changed since. */
export const undo = (changes: ReadonlyArray<Change>) =>
  Effect.filter(changes.toReversed(), ({ after, before, file }) =>
    Effect.gen(function*() {
      const present = yield* UserFile.read(file)
      if (is(present, before)) return false
      if (!is(present, Option.some(Buffer.from(after)))) return true
      yield* Option.match(before, {
        onNone: () => UserFile.remove(file),
        onSome: (bytes) => UserFile.replace(file, bytes)
      })
      return false
    }).pipe(Effect.orElseSucceed(() => true)))

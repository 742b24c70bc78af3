/** What is lent to somebody else's file, kept in the data directory: who still needs it, and how the file was before. */
import { Effect, FileSystem, Option, Schedule, Schema } from "effect"
import { createHash } from "node:crypto"
import { join } from "node:path"
import * as UserFile from "../storage/UserFile.ts"

export const EntryLease = Schema.Struct({
  /** Process ids. */
  holders: Schema.Array(Schema.Int),
  /** `null` where there was no file. */
  before: Schema.NullOr(Schema.String),
  after: Schema.String
})
export type EntryLease = typeof EntryLease.Type

const Text = Schema.fromJsonString(EntryLease)

/** One for each entry of each file. */
export const recordOf = (directory: string, file: string, path: ReadonlyArray<string>): string =>
  join(directory, `lent-${createHash("sha256").update(JSON.stringify([file, path])).digest("hex").slice(0, 16)}.json`)

export const find = Effect.fnUntraced(function*(record: string) {
  const fs = yield* FileSystem.FileSystem
  return Option.flatMap(yield* Effect.option(fs.readFileString(record)), Schema.decodeOption(Text))
})

export const keep = Effect.fnUntraced(function*(record: string, lent: EntryLease) {
  yield* UserFile.replace(record, yield* Effect.orDie(Schema.encodeEffect(Text)(lent)))
})

/** One process at a time; whoever holds it for longer than any of them needs has died with it. */
export const oneAtATime = (directory: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const lock = join(directory, "lent.lock")
    return yield* Effect.acquireUseRelease(
      fs.makeDirectory(lock).pipe(
        Effect.retry(Schedule.upTo(Schedule.spaced("20 millis"), { duration: "5 seconds" })),
        Effect.ignore
      ),
      () => effect,
      () => Effect.ignore(fs.remove(lock, { recursive: true }))
    )
  })

/**
 * An entry in a configuration file of somebody else's, for as long as the scope is open.
 *
 * Comments and layout stay. Afterwards the file is as it was, byte for byte; where it was changed meanwhile, only the entry
 * goes. Several processes share one, and the last of them gives it back; what one left that was killed, the next one gives
 * back. An entry that is there already in the same words, and not by us, is somebody else's, and stays.
 */
import { Effect, FileSystem, Option, Schedule, Schema } from "effect"
import { createHash } from "node:crypto"
import { join } from "node:path"
import * as UserFile from "../storage/UserFile.ts"
import { stateOf } from "../supervision/HostProcess.ts"
import * as JsonEntry from "./jsonEntry.ts"

// What is lent to somebody else's file, kept in the data directory: who still needs it, and how the file was before.

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

export interface TemporaryEntry {
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

const holds = (text: string, { path, value }: TemporaryEntry): boolean => JsonEntry.holdsAt(text, path, value)

const read = (file: string) => Effect.map(UserFile.read(file), Option.map((bytes) => new TextDecoder().decode(bytes)))

const giveBack = Effect.fnUntraced(function*(entry: TemporaryEntry, { after, before }: EntryLease) {
  const present = yield* read(entry.file)
  if (Option.isNone(present)) return
  if (present.value !== after) {
    if (holds(present.value, entry)) {
      yield* UserFile.replace(entry.file, JsonEntry.putAt(present.value, entry.path, undefined))
    }
    return
  }
  yield* before === null ? UserFile.remove(entry.file) : UserFile.replace(entry.file, before)
})

/** Takes part in what another living process borrowed; else borrows, unless it is there as somebody else's. */
const take = Effect.fnUntraced(function*(entry: TemporaryEntry, record: string) {
  const before = yield* read(entry.file)
  const text = Option.getOrElse(before, () => "{}\n")
  if (holds(text, entry)) {
    const lent = yield* find(record)
    if (Option.isNone(lent)) return
    return yield* keep(record, { ...lent.value, holders: [...lent.value.holders, process.pid] })
  }
  const after = yield* Effect.mapError(
    Effect.fromResult(JsonEntry.put(text, entry.path, entry.value)),
    (detail) => new NotConfigurable({ file: entry.file, detail })
  )
  yield* keep(record, { holders: [process.pid], before: Option.getOrNull(before), after })
  yield* UserFile.replace(entry.file, after)
})

/** The last one who needs it gives it back. */
const leave = Effect.fnUntraced(function*(entry: TemporaryEntry, record: string) {
  const fs = yield* FileSystem.FileSystem
  const lent = yield* find(record)
  if (Option.isNone(lent)) return
  const holders = lent.value.holders.filter((holder) => holder !== process.pid && stateOf(holder) === "ours")
  if (holders.length > 0) return yield* keep(record, { ...lent.value, holders })
  yield* giveBack(entry, lent.value)
  yield* fs.remove(record)
})

/** `directory`: where it is kept who borrowed what. */
export const borrow = Effect.fn("TemporaryEntry.borrow")(
  function*(entries: ReadonlyArray<TemporaryEntry>, directory: string) {
    const each = entries.map((entry) => ({ entry, record: recordOf(directory, entry.file, entry.path) }))
    const left = Effect.forEach(each.toReversed(), ({ entry, record }) => leave(entry, record), { discard: true })
    const taken = Effect.forEach(each, ({ entry, record }) =>
      take(entry, record).pipe(
        Effect.mapError((error) =>
          error._tag === "NotConfigurable"
            ? error
            : new NotConfigurable({
              file: entry.file,
              detail: error.detail
            })
        )
      ), { discard: true })
    if (entries.length === 0) return
    yield* Effect.acquireRelease(
      // First what those left who were killed.
      oneAtATime(directory)(
        Effect.andThen(Effect.ignore(left), Effect.onError(taken, () => Effect.ignore(left)))
      ),
      () => Effect.ignore(oneAtATime(directory)(left))
    )
  }
)

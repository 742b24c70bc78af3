/**
 * Puts the credential helper into a git configuration, and takes it out again.
 *
 * What was there is kept beside the record of what was done: uninstalling restores the file byte for byte, or, where it
 * was changed in between, takes out our lines alone. It needs no privileges and touches one file.
 */
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { DataDirectory } from "../storage/DataDirectory.ts"
import * as UserFile from "../storage/UserFile.ts"
import { chainFor, type Entry, helperKey, parseScopes, withOurs } from "./HelperChain.ts"

// The user's own git, asked about its configuration; never a shell.

class GitFailed extends Schema.TaggedError<GitFailed>()("GitFailed", {
  args: Schema.Array(Schema.String),
  detail: Schema.String
}) {
  override get message(): string {
    return `git ${this.args.join(" ")}: ${this.detail}`
  }
}

const text = <E>(output: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(output))

/** What it prints, and its exit code. */
export const run = Effect.fnUntraced(
  function*(args: ReadonlyArray<string>) {
    const { spawn } = yield* ChildProcessSpawner.ChildProcessSpawner
    const child = yield* spawn(ChildProcess.make("git", args, { stdin: "ignore" }))
    const [out, complaint, code] = yield* Effect.all([text(child.stdout), text(child.stderr), child.exitCode], {
      concurrency: "unbounded"
    })
    return { out, complaint: complaint.trim(), code: Number(code) }
  },
  Effect.scoped,
  (self, args) =>
    Effect.mapError(self, ({ reason }) =>
      new GitFailed({
        args,
        detail: reason._tag === "NotFound" ? "git is not installed, or not in PATH" : reason._tag
      }))
)

/** What it prints; fails where it does. */
export const git = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const { code, complaint, out } = yield* run(args)
  return code === 0 ? out : yield* new GitFailed({ args, detail: complaint || `exit ${code}` })
})

const Installed = Schema.Struct({
  file: Schema.String,
  /** Base 64; `null` where there was no file. */
  before: Schema.NullOr(Schema.String),
  after: Schema.String,
  added: Schema.Array(Schema.Struct({ key: Schema.String, values: Schema.Array(Schema.String) }))
})
type Installed = typeof Installed.Type
const Record = Schema.fromJsonString(Schema.Array(Installed))

const recordName = "git-helper.json"

export interface Change {
  readonly file: string
  readonly added: ReadonlyArray<Entry>
}

const readRecord = Effect.gen(function*() {
  const directory = yield* DataDirectory
  const text = yield* directory.readSecretFile(recordName)
  return Option.getOrElse(Option.flatMap(text, Schema.decodeOption(Record)), (): ReadonlyArray<Installed> => [])
})

const writeRecord = Effect.fnUntraced(function*(record: ReadonlyArray<Installed>) {
  const directory = yield* DataDirectory
  if (record.length === 0) return yield* directory.remove(recordName)
  yield* directory.writeAtomically(recordName, yield* Effect.orDie(Schema.encodeEffect(Record)(record)))
})

const bytesOf = (file: string) =>
  Effect.map(
    UserFile.read(file),
    Option.match({ onNone: () => null, onSome: (bytes) => Buffer.from(bytes).toString("base64") })
  )

/** A git configuration as git makes one that is new. */
const put = (file: string, bytes: string | null) =>
  bytes === null ? UserFile.remove(file) : UserFile.replace(file, Buffer.from(bytes, "base64"), { mode: 0o644 })

/** What git makes of the bytes. It works on a copy in the data directory, since it would write through links. */
const edited = Effect.fnUntraced(function*<E, R>(
  before: string | null,
  edit: (copy: string) => Effect.Effect<void, E, R>
) {
  const directory = yield* DataDirectory
  const copy = directory.file("git-config")
  return yield* Effect.ensuring(
    Effect.andThen(put(copy, before), Effect.andThen(edit(copy), bytesOf(copy))),
    Effect.ignore(UserFile.remove(copy))
  )
})

const ofOneRepository: ReadonlySet<string> = new Set(["local", "worktree"])

/** Adds the helper for each place; what was installed in that file before is replaced. */
export const install = Effect.fn("GitInstall.install")(function*(options: {
  /** A git configuration. */
  readonly file: string
  /** Of one repository; else what the repository says in which this runs has no say. */
  readonly repository: boolean
  readonly origins: ReadonlyArray<string>
  /** The helper's command, without git's verb. */
  readonly command: string
}) {
  const { command, file, origins, repository } = options
  yield* uninstall(file)
  const before = yield* bytesOf(file)
  const { out } = yield* run(["config", "--list", "--null", "--includes", "--show-scope"])
  const entries = parseScopes(out).filter(({ scope }) => repository || !ofOneRepository.has(scope))
  const added = origins.map((origin) => ({
    key: helperKey(origin),
    values: withOurs(command, chainFor(entries, origin))
  }))
  const after = yield* edited(
    before,
    Effect.fnUntraced(function*(copy) {
      for (const { key, values } of added) {
        for (const value of values) yield* git("config", "--file", copy, "--add", key, value)
      }
    })
  )
  // Recorded first: a crash half-way is then undone by uninstalling, too.
  const record = yield* readRecord
  yield* writeRecord([...record, { file, before, after: after ?? "", added }])
  yield* put(file, after)
  return { file, added: added.flatMap(({ key, values }) => values.map((value) => ({ key, value }))) } satisfies Change
})

/** `None` where nothing was installed there; `exact` where the file is as it was before. */
export const uninstall = Effect.fn("GitInstall.uninstall")(function*(file: string) {
  const record = yield* readRecord
  const installed = record.find((one) => one.file === file)
  if (installed === undefined) return Option.none()
  const present = yield* bytesOf(file)
  const exact = present === installed.after || present === installed.before
  const without = exact
    ? Effect.succeed(installed.before)
    : edited(present, (copy) => takeOutAll(copy, installed))
  yield* Effect.flatMap(without, (bytes) => put(file, bytes))
  yield* writeRecord(record.filter((one) => one !== installed))
  return Option.some({ file, exact })
})

const helperKeys = /^credential\.(.+)\.helper$/

/** Where Holdfast's lines are: at the keys where they were written, and where somebody changed a section's host. */
const keysOf = Effect.fnUntraced(function*(file: string, { added }: Installed) {
  const { out } = yield* run(["config", "--file", file, "--null", "--get-regexp", helperKeys.source])
  const moved = out.split("\0").flatMap((entry) => {
    const at = entry.indexOf("\n")
    const value = entry.slice(at + 1)
    const one = at < 0 || value === "" ? undefined : added.find(({ values }) => values.includes(value))
    return one === undefined ? [] : [{ key: entry.slice(0, at), values: one.values }]
  })
  return new Map([...added, ...moved].map(({ key, values }) => [key, values]))
})

const takeOutAll = Effect.fnUntraced(function*(file: string, installed: Installed) {
  const keys = yield* keysOf(file, installed)
  for (const [key, values] of keys) yield* takeOut(file, key, values)
  const before = Buffer.from(installed.before ?? "", "base64").toString("latin1")
  const present = yield* bytesOf(file)
  if (present === null) return
  let text = Buffer.from(present, "base64").toString("latin1")
  for (const key of keys.keys()) text = withoutEmptySection(text, before, key)
  yield* put(file, Buffer.from(text, "latin1").toString("base64"))
})

/** git leaves a section's header where a comment follows it. One that was there before stays. */
const withoutEmptySection = (text: string, before: string, key: string): string => {
  const origin = helperKeys.exec(key)?.[1] ?? ""
  const header = `[credential "${Buffer.from(origin).toString("latin1").replaceAll(/["\\]/g, "\\$&")}"]`
  const isHeader = (line: string) => line.trim() === header
  if (before.split("\n").some(isHeader)) return text
  const lines = text.split("\n")
  const isEmpty = (index: number) => {
    const next = lines.slice(index + 1).find((line) => line.trim() !== "" && !/^\s*[#;]/.test(line))
    return next === undefined || next.trimStart().startsWith("[")
  }
  return lines.filter((line, index) => !(isHeader(line) && isEmpty(index))).join("\n")
}

/** Leaves the other values of the key, in their order. */
const takeOut = Effect.fnUntraced(function*(file: string, key: string, values: ReadonlyArray<string>) {
  const { out } = yield* run(["config", "--file", file, "--null", "--get-all", key])
  const present = out.split("\0").slice(0, -1)
  const at = present.findIndex((_, index) => values.every((value, offset) => present[index + offset] === value))
  const rest = at < 0
    ? present.filter((value) => value === "" || !values.includes(value))
    : [...present.slice(0, at), ...present.slice(at + values.length)]
  if (rest.length === present.length) return
  yield* git("config", "--file", file, "--unset-all", key)
  for (const value of rest) yield* git("config", "--file", file, "--add", key, value)
})

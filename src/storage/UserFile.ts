/**
 * Reads and writes files of the user's that other programs read; no other module writes to one.
 *
 * A checkout, or anybody who may write to the same directory, can put a link where such a file is expected. So a file
 * that is a link, no regular file, or another user's is refused, for reading and for writing. New text is written to a
 * file of a random name, made exclusively, with the owner and mode of the old file; then it replaces that file, whole.
 */
import { Effect, Option, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { constants, type Stats } from "node:fs"
import { type FileHandle, lstat, mkdir, open, readlink, rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"

export class FileRefused extends Schema.TaggedError<FileRefused>()("FileRefused", {
  file: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.file} is left alone: ${this.detail}`
  }
}

/** No configuration is that large. */
const maxBytes = 16 * 1024 * 1024

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT"

class Refusal extends Error {}

const refusing = <A>(file: string, work: () => Promise<A>): Effect.Effect<A, FileRefused> =>
  Effect.uninterruptible(Effect.tryPromise({
    try: work,
    catch: (error) => new FileRefused({ file, detail: error instanceof Error ? error.message : String(error) })
  }))

const check = (info: Stats): Stats => {
  if (!info.isFile()) throw new Refusal("it is not a regular file")
  const user = process.getuid?.()
  if (user !== undefined && info.uid !== user) throw new Refusal("it belongs to another user")
  return info
}

/** `undefined` where there is none. */
const inspect = async (file: string): Promise<Stats | undefined> => {
  const info = await lstat(file).catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw error
  })
  if (info === undefined) return undefined
  if (info.isSymbolicLink()) {
    throw new Refusal(`it is a symbolic link to ${await readlink(file)}; name the file itself, or change it yourself`)
  }
  return check(info)
}

/** Not every system has all of them. */
const flags = (...each: ReadonlyArray<number | undefined>): number =>
  each.reduce<number>((all, flag) => all | (flag ?? 0), 0)

/** `None` where there is none. */
export const read = (file: string): Effect.Effect<Option.Option<Uint8Array>, FileRefused> =>
  refusing(file, async () => {
    if (await inspect(file) === undefined) return Option.none()
    const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
    const handle = await open(file, flags(O_RDONLY, O_NOFOLLOW, O_NONBLOCK))
    try {
      if (check(await handle.stat()).size > maxBytes) throw new Refusal("it is larger than 16 MiB")
      return Option.some<Uint8Array>(await handle.readFile())
    } finally {
      await handle.close()
    }
  })

/** Who may read and write it, as in `chmod`; `None` where there is none. */
export const modeOf = (file: string): Effect.Effect<Option.Option<number>, FileRefused> =>
  refusing(file, async () => Option.map(Option.fromUndefinedOr(await inspect(file)), ({ mode }) => mode & 0o777))

/** The old file's mode; without the group's bits where the group could not be set. */
const keepOwner = async (draft: FileHandle, { gid, mode, uid }: Stats): Promise<number> => {
  if ((await draft.stat()).gid === gid) return mode & 0o777
  return draft.chown(uid, gid).then(() => mode & 0o777, () => mode & 0o707)
}

interface Options {
  /** Of a file that is new. */
  readonly mode?: number
  /** Bits that others may have afterwards, whatever the file allowed before. */
  readonly maxMode?: number
}

/** With its directory, where that is missing. */
export const replace = (
  file: string,
  content: string | Uint8Array,
  { maxMode = 0o777, mode = 0o600 }: Options = {}
): Effect.Effect<void, FileRefused> =>
  refusing(file, async () => {
    await mkdir(dirname(file), { recursive: true })
    const present = await inspect(file)
    const path = `${file}.${randomBytes(9).toString("base64url")}.holdfast`
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
    const draft = await open(path, flags(O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW), 0o600)
    try {
      try {
        await draft.writeFile(content)
        await draft.chmod((present === undefined ? mode : await keepOwner(draft, present)) & maxMode)
        await draft.sync()
      } finally {
        await draft.close()
      }
      await rename(path, file)
    } catch (error) {
      await unlink(path).catch(() => {})
      throw error
    }
  })

/** Where it is there. */
export const remove = (file: string): Effect.Effect<void, FileRefused> =>
  refusing(file, async () => {
    if (await inspect(file) !== undefined) await unlink(file)
  })

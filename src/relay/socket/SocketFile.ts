/**
 * Who could stand behind a socket's file. An agent's messages go to whoever made it, so it has to be this user's or
 * root's, where nobody else could have put another in its place.
 */
import { lstat, realpath, stat } from "node:fs/promises"
import { dirname } from "node:path"

/** The file that a `unix:` URL names. */
export const pathOf = (url: URL): string => decodeURIComponent(url.pathname)

/** Longer ones cannot be bound, nor connected to, on Linux and macOS. */
export const maxPathBytes = 103

const worldWritable = 0o002
const sticky = 0o1000

/** Why nobody should connect to it; `undefined` where it is good. */
export const objection = async (path: string): Promise<string | undefined> => {
  if (Buffer.byteLength(path) > maxPathBytes) {
    return `${path} is longer than the ${maxPathBytes} bytes that a socket's path may have`
  }
  const found = await lstat(path).then((link) => link.isSymbolicLink() ? stat(path) : link).catch(codeOf)
  if (typeof found === "string") {
    return found === "ENOENT" ? `ENOENT: there is no ${path}` : `${found}: ${path} cannot be looked at`
  }
  if (!found.isSocket()) return `${path} is no socket`
  const user = process.getuid?.()
  const isOurs = (uid: number) => user === undefined || uid === user || uid === 0
  if (!isOurs(found.uid)) return `${path} belongs to another user`
  if ((found.mode & worldWritable) !== 0) return `EMODE: other users may write to ${path}`
  const directory = dirname(await realpath(path).catch(() => path))
  const holder = await stat(directory).catch(codeOf)
  if (typeof holder === "string") return `${holder}: ${directory} cannot be looked at`
  if (!isOurs(holder.uid)) return `its directory ${directory} belongs to another user`
  return (holder.mode & worldWritable) !== 0 && (holder.mode & sticky) === 0
    ? `EMODE: other users may replace it, since they may write to ${directory}`
    : undefined
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO"

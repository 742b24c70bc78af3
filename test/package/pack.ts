/** The tarball as `npm publish` would send it. */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync } from "node:fs"
import { join } from "node:path"

export interface Packed {
  readonly file: string
  /** Of the tarball. */
  readonly bytes: number
}

/** Builds first, and installs what that needs where it is not there. */
export const pack = (repository: string, destination: string): Packed => {
  const { status, stderr, stdout } = spawnSync("npm", ["pack", "--json", "--pack-destination", destination], {
    cwd: repository,
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(stderr)
  const [{ filename, size }] = JSON.parse(stdout)
  return { file: join(destination, filename), bytes: size }
}

/** What git tracks, as it lies here now; nothing that was installed or built. */
export const freshClone = (repository: string, directory: string): void => {
  const { stdout } = spawnSync("git", ["ls-files", "-z"], { cwd: repository, encoding: "utf8" })
  for (const file of stdout.split("\0").filter((file) => file !== "" && existsSync(join(repository, file)))) {
    cpSync(join(repository, file), join(directory, file))
  }
}

/**
 * Where files of tests lie that a process may outlive but no machine has to: in memory, where there is a file system for
 * that, since waiting for the disk is most of what they do otherwise.
 */
import { existsSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"

const shared = "/dev/shm"
const enough = 512 * 1024 * 1024

const hasRoom = (directory: string): boolean => {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize > enough
}

export const memoryDirectory = existsSync(shared) && hasRoom(shared) ? shared : tmpdir()

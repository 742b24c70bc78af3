/**
 * Whose process an id is, and since when. The system uses the ids of ended processes again; a start does not come again.
 *
 * Only Linux says more than whether it lives (proc(5)).
 */
import { readFileSync } from "node:fs"

/** `"foreign"`: we may not signal it, so it belongs to another user. */
export const stateOf = (pid: number): "ours" | "foreign" | "gone" => {
  try {
    process.kill(pid, 0)
    return "ours"
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "foreign" : "gone"
  }
}

const read = (pid: number, name: string): string => {
  if (process.platform !== "linux") return ""
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1")
  } catch {
    return ""
  }
}

/** Clock ticks between the boot and its start: field 22 of `stat`. `undefined` where that cannot be read. */
export const startOf = (pid: number): number | undefined => {
  const stat = read(pid, "stat")
  // Field 2 is the program's name in parentheses, and may hold spaces and parentheses itself.
  const field22 = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  return field22 === undefined ? undefined : Number(field22)
}

/** The real user id. `undefined` where that cannot be read. */
export const ownerOf = (pid: number): number | undefined => {
  const found = /^Uid:\t(\d+)/m.exec(read(pid, "status"))
  return found === null ? undefined : Number(found[1])
}

/**
 * Whether a process with this id exists, of any user. `start`: when it began, where that was recorded; another one that
 * has the id by now is not it.
 */
export const isAlive = (pid: number, start?: number): boolean => {
  if (stateOf(pid) === "gone") return false
  const present = start === undefined ? undefined : startOf(pid)
  return present === undefined || present === start
}

import { startOf, stateOf } from "./HostProcess.ts"

/**
 * Whether a process with this id exists, of any user. `start`: when it began, where that was recorded; another one that
 * has the id by now is not it.
 */
export const isAlive = (pid: number, start?: number): boolean => {
  if (stateOf(pid) === "gone") return false
  const present = start === undefined ? undefined : startOf(pid)
  return present === undefined || present === start
}

/** Whether a process with this id exists, of any user. */
import { Predicate } from "effect"

export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return Predicate.hasProperty(error, "code") && error.code === "EPERM"
  }
}

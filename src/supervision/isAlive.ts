/** Whether a process with this id exists, of any user. */
import { stateOf } from "./HostProcess.ts"

export const isAlive = (pid: number): boolean => stateOf(pid) !== "gone"

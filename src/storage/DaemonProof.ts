/**
 * Where the running daemon listens, proven before anybody sends a secret there. No command reads `endpoint.json` in
 * another way; the linter sees to it.
 *
 * That file outlives a daemon that was killed. Its process id and its port may belong to another program by then, even to
 * another user. So the process has to be the user's own and to have the recorded start, the socket at the port has to be
 * the user's, and the daemon's lock has to be held. Only Linux tells starts and the owners of sockets; elsewhere the
 * other proofs decide. A supervisor holds the same socket as its daemon and is the same user's; it is no daemon, and
 * while there is none nothing is sent.
 *
 * Plain functions, shared by the commands (`ProvenDaemon.ts`) and by git's helper, which loads nothing else.
 */
import { ownerOf, startOf, stateOf } from "../supervision/HostProcess.ts"
import { type ProcessRecord, readAt } from "./Endpoint.ts"
import { listenersAt } from "./ListeningSocket.ts"
import { isHeld } from "./LockProbe.ts"

export interface ProvenDaemon {
  /** The MCP endpoint. */
  readonly url: string
  readonly pid: number
}

/** `"port taken"`: another user has the port, so no agent's secret may go there either. */
export const reasons = ["none announced", "process", "silent", "port taken", "lock free"] as const

export interface Unproven {
  readonly reason: typeof reasons[number]
  readonly found: string
}

const root = 0

const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, "")

/** What is wrong with the process, if anything is. `user`: whose it has to be; `undefined` where there are no user ids. */
const wrongProcess = ({ pid, processStart }: ProcessRecord, user: number | undefined): string | undefined => {
  const state = stateOf(pid)
  if (state === "gone") return `endpoint.json names process ${pid}, which is gone: it was killed`
  const owner = ownerOf(pid)
  if (state === "foreign" || (owner !== undefined && owner !== user)) {
    return `endpoint.json names process ${pid}, which is another user's: the daemon was killed, and its process id is used again`
  }
  const start = startOf(pid)
  if (processStart !== undefined && start !== undefined && start !== processStart) {
    return `endpoint.json names process ${pid}, which is another program: the daemon was killed, and its process id is used again`
  }
  return undefined
}

/** Root reads the directory of another user, too: then it is that user's daemon. */
const userOf = (file: number): number | undefined | "not ours" => {
  const own = process.geteuid?.()
  return own === undefined || own === file ? own : own === root ? file : "not ours"
}

/** Sends nothing. */
export const proveDaemon = (dataDir: string): ProvenDaemon | Unproven => {
  const file = readAt(dataDir)
  if (file === undefined) return { reason: "none announced", found: "no daemon announced itself" }
  const { port, pid, url } = file.endpoint
  const user = userOf(file.owner)
  if (user === "not ours") return { reason: "process", found: "endpoint.json belongs to another user" }
  const wrong = wrongProcess(file.endpoint, user)
  if (wrong !== undefined) return { reason: "process", found: wrong }

  const listeners = listenersAt(hostOf(url), port)
  if (listeners?.length === 0) {
    return { reason: "silent", found: `process ${pid} lives, but nobody listens at ${url}` }
  }
  const stranger = listeners?.find((uid) => uid !== user && uid !== root)
  if (stranger !== undefined) {
    return { reason: "port taken", found: `a process of user ${stranger} listens at ${url}, where Holdfast should` }
  }
  // Last, since it is a lock for a moment: a daemon that starts has announced no process that comes this far.
  if (!isHeld(dataDir)) {
    return {
      reason: "lock free",
      found:
        `endpoint.json names process ${pid}, but nobody holds lock.db: the daemon was killed, or lock.db was removed`
    }
  }
  return { url, pid }
}

/** The supervisor that the directory names, where it lives and is the user's own. */
export const provenSupervisor = (dataDir: string): number | undefined => {
  const file = readAt(dataDir)
  const supervisor = file?.endpoint.supervisor
  if (file === undefined || supervisor === undefined) return undefined
  const user = userOf(file.owner)
  return user === "not ours" || wrongProcess(supervisor, user) !== undefined ? undefined : supervisor.pid
}

/** Whether the daemon has ended and its supervisor starts another one: it is worth to wait for that. */
export const isStartedAgain = (dataDir: string, { reason }: Pick<Unproven, "reason">): boolean =>
  reason === "process" && provenSupervisor(dataDir) !== undefined

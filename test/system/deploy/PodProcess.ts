/** A process of the pod's life: under a user of its own, told orders and telling events in lines of JSON. */
import { type ChildProcess, spawn } from "node:child_process"
import { chownSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { Programs } from "./podPrograms.ts"

export type Event = Readonly<Record<string, unknown>>

export interface PodUser {
  readonly name: string
  /** Its own alone; also its home. */
  readonly directory: string
  /** Absent where nobody but root could start a process under another user. */
  readonly uid: number | undefined
}

/** Numbers that no user of a machine has. */
const firstUid = 64_201
/** For what takes a second or two. */
export const timeout = 60_000

export const isRoot = process.getuid?.() === 0

export const makeUser = (place: string, name: string, number: number): PodUser => {
  const directory = join(place, name)
  const uid = isRoot ? firstUid + number : undefined
  mkdirSync(directory, { mode: 0o700 })
  if (uid !== undefined) chownSync(directory, uid, uid)
  return { name, directory, uid }
}

export class PodProcess {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  output = ""
  readonly #user: PodUser
  readonly #events: Array<Event> = []
  #isOver = false

  /** It ends with its standard input, or with the channel to its parent: however this program ends. */
  constructor(
    user: PodUser,
    { node, preload }: Programs,
    args: ReadonlyArray<string>,
    env: Record<string, string> = {}
  ) {
    this.#user = user
    this.child = spawn(node, ["--import", preload, ...args], {
      cwd: user.directory,
      // A group of its own, so that a kill gets its children, too.
      detached: true,
      stdio: ["pipe", "pipe", "pipe", "ipc"],
      env: { PATH: "/usr/bin:/bin", HOME: user.directory, TMPDIR: user.directory, NO_COLOR: "1", ...env },
      ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.uid })
    })
    this.ended = new Promise((done) =>
      this.child.once("close", (code) => {
        this.#isOver = true
        done(code)
      })
    )
    this.child.stdin?.on("error", () => {})
    this.child.stderr?.on("data", (chunk) => this.output += String(chunk))
    createInterface({ input: this.child.stdout! }).on("line", (line) => {
      this.output += `${line}\n`
      if (line.startsWith("{")) this.#events.push(JSON.parse(line))
    })
  }

  /** The first event that is so, among those from `from` on. */
  async event(what: string, is: (event: Event) => boolean, from = 0): Promise<Event> {
    const deadline = performance.now() + timeout
    while (true) {
      const found = this.#events.slice(from).find(is)
      if (found !== undefined) return found
      if (this.#isOver || performance.now() > deadline) {
        throw new Error(
          `${this.#user.name}: ${this.#isOver ? "it ended before" : "it is not so that"} ${what}\n${this.output}`
        )
      }
      await sleep(10)
    }
  }

  /** What it says to the order: its next event with this field. */
  async order(order: object, field: string): Promise<Event> {
    const from = this.#events.length
    this.child.stdin?.write(`${JSON.stringify(order)}\n`)
    return await this.event(`it answered ${JSON.stringify(order)}`, (event) => field in event, from)
  }

  /** All of it at once. */
  async kill(): Promise<void> {
    try {
      if (this.child.pid !== undefined) process.kill(-this.child.pid, "SIGKILL")
    } catch {
      // Gone already.
    }
    await this.ended
  }

  /** The user that it runs under and the rights that it has, as the kernel says; nothing where no kernel says so. */
  get rights(): { readonly uids: ReadonlyArray<number>; readonly capabilities: string } | undefined {
    if (process.platform !== "linux") return undefined
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8")
    return {
      uids: (/^Uid:\s+(.*)$/m.exec(status)?.[1] ?? "").split(/\s+/).map(Number),
      capabilities: /^CapEff:\s+(\w+)$/m.exec(status)?.[1] ?? ""
    }
  }
}

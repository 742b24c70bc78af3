/** A Node process that the bench starts, measures and ends. CPU time and memory are read from `/proc`: Linux only. */
import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { childEnvironment } from "../test/support/environment.ts"
import { programFile, type ProgramName } from "./programs.ts"

interface Message {
  readonly ready?: number
  readonly reply?: unknown
}

process.setMaxListeners(50)

export class Process {
  readonly child: ChildProcess
  readonly ended: Promise<void>
  output = ""

  constructor(command: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv, ipc: boolean) {
    const stdio = ipc ? (["ignore", "pipe", "pipe", "ipc"] as const) : (["ignore", "pipe", "pipe"] as const)
    this.child = spawn(command, args, { stdio: [...stdio], env })
    const kill = () => this.child.kill("SIGKILL")
    process.once("exit", kill)
    this.ended = new Promise((done) =>
      this.child.once("exit", () => {
        process.off("exit", kill)
        done()
      })
    )
    // Kept for the error's text; a talkative program must not fill the bench's memory.
    const keep = (chunk: Buffer) => {
      this.output = `${this.output}${chunk}`.slice(-10_000)
    }
    this.child.stdout?.on("data", keep)
    this.child.stderr?.on("data", keep)
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** Milliseconds of CPU of all threads. The scheduler's own count: `stat` has ticks of 10 ms. */
  cpu(): number {
    const tasks = `/proc/${this.pid}/task`
    return readdirSync(tasks).reduce(
      (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]),
      0
    ) / 1e6
  }

  /** How often it asked the kernel to read and to write, files and sockets alike. */
  systemCalls(): { readonly reads: number; readonly writes: number } {
    const io = readFileSync(`/proc/${this.pid}/io`, "utf8")
    return { reads: Number(/syscr: (\d+)/.exec(io)?.[1]), writes: Number(/syscw: (\d+)/.exec(io)?.[1]) }
  }

  /** MiB. */
  resident(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1]) / 1024
  }

  /** MiB that no file backs, so that no other process shares them. */
  anonymous(): number {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1]) / 1024
  }

  /** Sends a message and waits for its reply. One at a time. */
  ask<A>(message: string): Promise<A> {
    return this.#message((heard) => heard.reply as A, () => this.child.send(message))
  }

  ready(): Promise<number> {
    return this.#message((heard) => heard.ready)
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.child.kill(signal)
    await this.ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }

  #message<A>(pick: (message: Message) => A | undefined, before: () => void = () => {}): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      const hear = (message: unknown) => {
        const picked = pick(message as Message)
        if (picked === undefined) return
        this.child.off("message", hear)
        resolve(picked)
      }
      this.child.on("message", hear)
      void this.ended.then(() => reject(new Error(`a process of the bench ended: ${this.output}`)))
      before()
    })
  }
}

/** One of the bench's own programs, once it serves. */
export const startProgram = async (name: ProgramName, args: ReadonlyArray<string> = []) => {
  const process_ = await launch([await programFile(name), ...args])
  const port = await process_.ready()
  return { process: process_, port, url: new URL(`http://127.0.0.1:${port}/mcp`) }
}

/** A Node program, preloaded with what answers the bench's questions and ends it with the bench. */
export const launch = async (
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv = childEnvironment()
): Promise<Process> =>
  new Process(process.execPath, ["--import", pathToFileURL(await programFile("probe")).href, ...args], env, true)

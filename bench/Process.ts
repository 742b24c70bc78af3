/** A Node process that the bench starts, measures and ends. CPU time and memory are read from `/proc`: Linux only. */
import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const preload = new URL("processes/probe.ts", import.meta.url).href

interface Message {
  readonly ready?: number
  readonly reply?: unknown
}

export class Process {
  readonly child: ChildProcess
  readonly ended: Promise<void>
  output = ""

  constructor(command: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv, ipc: boolean) {
    const stdio = ipc ? (["ignore", "pipe", "pipe", "ipc"] as const) : (["ignore", "pipe", "pipe"] as const)
    this.child = spawn(command, args, { stdio: [...stdio], env })
    this.ended = new Promise((done) => this.child.once("exit", () => done()))
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
export const startProgram = async (name: string, args: ReadonlyArray<string> = []) => {
  const file = fileURLToPath(new URL(`processes/${name}.ts`, import.meta.url))
  const process_ = new Process(process.execPath, ["--import", preload, file, ...args], {
    ...process.env,
    NODE_OPTIONS: ""
  }, true)
  const port = await process_.ready()
  return { process: process_, port, url: new URL(`http://127.0.0.1:${port}/mcp`) }
}

/** A Node program that is not the bench's: it ends with the bench all the same. */
export const launch = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = process.env): Process =>
  new Process(process.execPath, ["--import", preload, ...args], env, true)

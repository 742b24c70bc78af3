/** A control plane (`planeServer.ts`) as a process in the hands of a test. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { childEnvironment } from "./environment.ts"

const program = fileURLToPath(new URL("planeServer.ts", import.meta.url))
const proto = fileURLToPath(new URL("../../src/uplink/ambient.proto", import.meta.url))
const preload = new URL("dieWithParent.ts", import.meta.url).href

export interface PlaneLine {
  readonly seq: number
  readonly type: string
  readonly payload: string
  readonly key: string
}

export class PlaneProcess {
  readonly #file: string
  readonly #dedupe: boolean
  readonly #pem: string | undefined
  #child: ChildProcess | undefined
  #events: Array<Record<string, unknown>> = []
  #told: Array<() => void> = []
  port = 0
  tokenPort = 0

  private constructor(file: string, dedupe: boolean, pem: string | undefined) {
    this.#file = file
    this.#dedupe = dedupe
    this.#pem = pem
  }

  /** Its log is in the directory; it ends with the scope. With a file of key and certificate it speaks TLS. */
  static start(directory: string, dedupe = true, pem?: string): Effect.Effect<PlaneProcess, never, Scope.Scope> {
    const plane = new PlaneProcess(join(directory, "plane.jsonl"), dedupe, pem)
    return Effect.as(
      Effect.acquireRelease(Effect.promise(() => plane.#boot()), () => Effect.promise(() => plane.#end())),
      plane
    )
  }

  get url(): string {
    return `${this.#pem === undefined ? "http" : "https"}://127.0.0.1:${this.port}`
  }

  get tokenUrl(): string {
    return `http://127.0.0.1:${this.tokenPort}/token`
  }

  /** What is in its log, in the order in which it came there. */
  get log(): ReadonlyArray<PlaneLine> {
    if (!existsSync(this.#file)) return []
    return readFileSync(this.#file, "utf8").split("\n").filter((line) => line !== "").map((line) => {
      const { event_type, key, payload, seq } = JSON.parse(line)
      return { seq: Number(seq), type: event_type, payload, key }
    })
  }

  /** Records that were pushed. */
  get records(): ReadonlyArray<PlaneLine> {
    return this.log.filter(({ key }) => key !== "")
  }

  /** Done once the plane has done it; what it has counted so far. */
  order(order: object): Effect.Effect<{ readonly pushes: number; readonly minted: number }> {
    return Effect.promise(async () => {
      const from = this.#events.length
      this.#child?.stdin?.write(`${JSON.stringify(order)}\n`)
      const done = await this.#event((event) => "done" in event, from)
      return { pushes: Number(done["pushes"]), minted: Number(done["minted"]) }
    })
  }

  say(type: string, payload: string): Effect.Effect<void> {
    return Effect.asVoid(this.order({ say: { type, payload } }))
  }

  /** The number behind which it is watched, at the next watch. */
  get watched(): Effect.Effect<number> {
    return Effect.promise(async () => Number((await this.#event((event) => "watching" in event))["watching"]))
  }

  /** Until it is gone by itself. */
  get ended(): Effect.Effect<void> {
    return Effect.promise(() => this.#gone())
  }

  /** Connections stay open and nothing moves. */
  get stop(): Effect.Effect<void> {
    return Effect.sync(() => this.#child?.kill("SIGSTOP"))
  }

  get kill(): Effect.Effect<void> {
    return Effect.promise(() => this.#end())
  }

  /** Over the same log, at the same ports. */
  get restart(): Effect.Effect<void> {
    return Effect.promise(async () => {
      await this.#end()
      await this.#boot()
    })
  }

  async #boot(): Promise<void> {
    const child = spawn(
      process.execPath,
      [
        "--import",
        preload,
        program,
        this.#file,
        `${this.port}`,
        `${this.tokenPort}`,
        `${this.#dedupe}`,
        ...(this.#pem === undefined ? [] : [proto, this.#pem])
      ],
      { stdio: ["pipe", "pipe", "inherit", "ipc"], env: childEnvironment({}) }
    )
    this.#child = child
    this.#events = []
    child.stdin?.on("error", () => {})
    createInterface({ input: child.stdout! }).on("line", (line) => {
      this.#events.push(JSON.parse(line))
      for (const told of this.#told.splice(0)) told()
    })
    const { port, tokenPort } = await this.#event((event) => "port" in event)
    this.port = Number(port)
    this.tokenPort = Number(tokenPort)
  }

  async #event(is: (event: Record<string, unknown>) => boolean, from = 0): Promise<Record<string, unknown>> {
    while (true) {
      const found = this.#events.slice(from).find(is)
      if (found !== undefined) return found
      await new Promise<void>((done) => this.#told.push(done))
    }
  }

  #gone(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise((done) => child.once("exit", () => done()))
  }

  async #end(): Promise<void> {
    const gone = this.#gone()
    this.#child?.kill("SIGKILL")
    await gone
  }
}

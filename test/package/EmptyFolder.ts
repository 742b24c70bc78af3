/** An empty folder with a home of its own, and programs that run in it to their end. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  /** The first match in what it prints; fails once it ended without. */
  readonly printed: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly ended: Promise<Ended>
}

/** What npm is to know of this machine: where packages come from, whom it trusts, and what is here already. */
const npmOf = (name: string): string => spawnSync("npm", ["config", "get", name], { encoding: "utf8" }).stdout.trim()
const npm = {
  npm_config_registry: npmOf("registry"),
  npm_config_cache: npmOf("cache"),
  npm_config_prefer_offline: "true",
  ...(process.env["NODE_EXTRA_CA_CERTS"] === undefined
    ? {}
    : { NODE_EXTRA_CA_CERTS: process.env["NODE_EXTRA_CA_CERTS"] })
}

export class EmptyFolder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-package-")))
  readonly #running = new Set<ChildProcess>()

  constructor() {
    mkdirSync(this.file("home"))
  }

  file(...names: ReadonlyArray<string>): string {
    return join(this.path, ...names)
  }

  /** Nothing of the developer's but where programs lie; `node` first. */
  environment(node: string): Record<string, string> {
    return {
      ...npm,
      PATH: [node, this.file("bin"), process.env["PATH"] ?? ""].join(delimiter),
      HOME: this.file("home"),
      GIT_CONFIG_NOSYSTEM: "1",
      NO_COLOR: "1"
    }
  }

  start(node: string, command: string, args: ReadonlyArray<string>, options: {
    readonly directory?: string
    readonly env?: Record<string, string>
    readonly input?: string
  } = {}): Started {
    const child = spawn(command, args, {
      cwd: options.directory ?? this.path,
      env: { ...this.environment(node), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 240_000
    })
    this.#running.add(child)
    child.stdin.on("error", () => {})
    child.stdin.end(options.input ?? "")
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => stdout += String(chunk))
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    const ended = new Promise<Ended>((done, failed) => {
      child.once("error", failed)
      child.once("close", (code) => {
        this.#running.delete(child)
        done({ code, stdout, stderr })
      })
    })
    const printed = (pattern: RegExp) =>
      new Promise<RegExpExecArray>((done, failed) => {
        const look = () => {
          const found = pattern.exec(stdout)
          if (found !== null) done(found)
        }
        child.stdout.on("data", look)
        look()
        void ended.then(
          ({ code, stderr }) => failed(new Error(`ended with ${code} before ${pattern}: ${stderr}`)),
          failed
        )
      })
    return { child, printed, ended }
  }

  run(...args: Parameters<EmptyFolder["start"]>): Promise<Ended> {
    return this.start(...args).ended
  }

  remove(): void {
    for (const child of this.#running) child.kill("SIGKILL")
    rmSync(this.path, { recursive: true, force: true })
  }
}

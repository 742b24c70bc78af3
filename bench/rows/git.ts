/** How long git waits for its credential helper: real git, its own HTTP backend, the line that `credential install` writes. */
import { Effect } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { childEnvironment } from "../../test/support/environment.ts"
import { type GitServer, gitServer } from "../../test/support/git/gitServer.ts"
import { startDaemon } from "../Daemon.ts"
import { median } from "../Load.ts"
import { holdfastFile } from "../programs.ts"
import { atMost, type Options, type Row } from "../Row.ts"
import { temporaryDirectory } from "../temporaryDirectory.ts"

const token = "bench-token"
const nowhere = new URL("http://127.0.0.1:9/mcp")
const atOnce = 6

/** Milliseconds until the program ended well. */
const timed = (command: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv, input = ""): Promise<number> =>
  new Promise((resolve, reject) => {
    const from = performance.now()
    const child = spawn(command, args, { env, stdio: ["pipe", "ignore", "inherit"] })
    child.once("error", reject)
    child.once("exit", (code) => {
      if (code === 0) resolve(performance.now() - from)
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}`))
    })
    child.stdin.on("error", () => {})
    child.stdin.end(input)
  })

const measured = async ({ accepted, origin, url }: GitServer, { quick }: Options): Promise<ReadonlyArray<Row>> => {
  accepted.add(token)
  const home = temporaryDirectory()
  const env = childEnvironment({ HOME: home, XDG_CONFIG_HOME: home })
  const settings = { credentials: { bench: { hosts: [origin], token: { command: `echo ${token}` } } } }
  const daemon = await startDaemon({ relay: nowhere, settings })
  try {
    const places = ["--data-dir", daemon.directory, "--config", join(daemon.directory, "settings.json")]
    const file = await holdfastFile()
    execFileSync(process.execPath, [file, "credential", "install", ...places], { env, stdio: "ignore" })
    const line = execFileSync("git", ["config", "--get-all", `credential.${origin}.helper`], { env, encoding: "utf8" })
    const helper = line.trim().split("\n").at(-1)?.slice(1) ?? ""
    const input = `protocol=http\nhost=${new URL(origin).host}\n\n`

    const named = url.replace("://", `://x-access-token:${token}@`)
    const run = {
      node: () => timed(process.execPath, ["-e", "0"], env),
      get: () => timed("sh", ["-c", `${helper} get`], env, input),
      store: () => timed("sh", ["-c", `${helper} store`], env, input),
      erase: () => timed("sh", ["-c", `${helper} erase`], env, `protocol=https\nhost=other.test\n\n`),
      six: async () => Math.max(...(await Promise.all(Array.from({ length: atOnce }, run.get)))),
      with: () => timed("git", ["ls-remote", url], env),
      without: () => timed("git", ["-c", `credential.${origin}.helper=`, "ls-remote", named], env)
    }
    const names = ["node", "get", "store", "erase", "six", "with", "without"] as const
    const times = new Map<string, Array<number>>(names.map((name) => [name, []]))
    for (let round = -1; round < (quick ? 7 : 21); round++) {
      for (const name of names) {
        const time = await run[name]()
        // The first one warms up.
        if (round >= 0) times.get(name)?.push(time)
      }
    }
    const of = (name: typeof names[number]) => median(times.get(name) ?? [])
    const ms = (name: typeof names[number]) => `${of(name).toFixed(0)} ms`
    return [
      atMost(
        "ms of git's helper, get",
        of("get"),
        150,
        `store ${ms("store")}, erase ${ms("erase")}, node -e 0 ${ms("node")}`
      ),
      atMost("ms of six gets at once", of("six"), 300, `one ${ms("get")}`),
      atMost(
        "ms that git waits for the helper",
        of("with") - of("without"),
        150,
        `ls-remote ${ms("with")}, with the token in the URL ${ms("without")}`
      )
    ]
  } finally {
    await daemon[Symbol.asyncDispose]()
    rmSync(daemon.directory, { recursive: true, force: true })
    rmSync(home, { recursive: true, force: true })
  }
}

export const gitRows = (options: Options): Promise<ReadonlyArray<Row>> =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(gitServer, (server) => Effect.promise(() => measured(server, options))))
  )

/** The daemon on a file system of its own, so small that it is full whenever a test wants it to be. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmdirSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { childEnvironment } from "../../support/environment.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import type { Door } from "../crash/Client.ts"

/** Whether this user may mount a file system in a namespace of its own. */
export const possible = spawnSync("unshare", ["-Urm", "mount", "-t", "tmpfs", "none", tmpdir()]).status === 0

export interface SmallDisk {
  readonly door: Omit<Door, "session">
  readonly fill: Effect.Effect<void>
  readonly free: Effect.Effect<void>
  readonly output: () => string
}

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** Obeys its standard input, and ends with it. */
const script = `
mount -t tmpfs -o size=2m,mode=700 none "$0" || exit 1
"$@" --data-dir "$0/data" < /dev/null &
daemon=$!
trap 'kill -9 $daemon' EXIT
while read -r order; do
  case $order in
    fill) cat /dev/zero > "$0/ballast" 2> /dev/null; echo filled ;;
    free) rm "$0/ballast"; echo freed ;;
  esac
done`

const order = (child: ChildProcess, word: string, answer: string) =>
  Effect.callback<void>((resume) => {
    const listen = (chunk: unknown) => {
      if (!String(chunk).includes(answer)) return
      child.stdout?.off("data", listen)
      resume(Effect.void)
    }
    child.stdout?.on("data", listen)
    child.stdin?.write(`${word}\n`)
  })

export const smallDisk = Effect.fnUntraced(function*(
  relayUrl: string
): Effect.fn.Return<SmallDisk, never, Scope.Scope> {
  const port = yield* freePort
  const secret = "a-secret-that-is-long-enough"
  const command = [process.execPath, holdfastFile, "serve", "--relay", relayUrl, "--port", String(port)]
  let output = ""
  // Of its own: what lies below the one of all programs would be hidden, this repository too.
  const mountpoint = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-disk-"))),
    (directory) => Effect.sync(() => rmdirSync(directory))
  )
  const child = yield* Effect.acquireRelease(
    Effect.callback<ChildProcess>((resume) => {
      const child = spawn("unshare", ["-Urm", "sh", "-c", script, mountpoint, ...command], {
        stdio: ["pipe", "pipe", "pipe"],
        env: childEnvironment({ HOLDFAST_AGENT_SECRET: secret })
      })
      child.stderr.on("data", (chunk) => output += String(chunk))
      child.stdout.on("data", (chunk) => {
        output += String(chunk)
        if (output.includes("is ready")) resume(Effect.succeed(child))
      })
      child.once("exit", (code) => resume(Effect.die(new Error(`it ended at its start (${code}): ${output}`))))
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.stdin?.end()
      })
  )
  return {
    door: { port, secret },
    fill: order(child, "fill", "filled"),
    free: order(child, "free", "freed"),
    output: () => output
  }
})

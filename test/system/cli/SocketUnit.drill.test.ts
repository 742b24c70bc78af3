/** The daemon in the hands of systemd: it takes the socket that it is given, and systemd keeps that. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { get } from "node:http"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { childEnvironment } from "../../support/environment.ts"
import { eventually } from "../../support/eventually.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { run } from "../../support/Program.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** systemd's part of sd_listen_fds(3), for a line on its standard input: the shell keeps descriptor 3. */
const manager = `while read -r sockets; do
  LISTEN_FDS=$sockets sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@" &
  echo $!
done`

const socketUnit = Effect.fnUntraced(function*(host: string, ...words: ReadonlyArray<string>) {
  const server = yield* Effect.callback<Server>((resume) => {
    const server = createServer().listen(0, host, () => resume(Effect.succeed(server)))
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const shell = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("sh", ["-c", manager, "sh", process.execPath, holdfastFile, "serve", ...words], {
        stdio: ["pipe", "pipe", "pipe", Reflect.get(Reflect.get(server, "_handle"), "fd")],
        env: childEnvironment()
      })
    ),
    (shell) => Effect.sync(() => shell.kill("SIGKILL"))
  )
  // Its own descriptor goes; the shell has one.
  server.close()
  let printed = ""
  let said = ""
  shell.stdout.on("data", (chunk) => printed += String(chunk))
  shell.stderr.on("data", (chunk) => said += String(chunk))
  const pids = () => [...printed.matchAll(/^\d+$/gm)].map(([pid]) => Number(pid))
  const start = (sockets = 1) => Effect.sync(() => shell.stdin.write(`${sockets}\n`))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const pid of pids()) {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // It has ended.
        }
      }
    })
  )
  return { port, start, said: () => said }
})

/** On a connection of its own. */
const asked = (url: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on("error", reject)
  })

const serving = (dataDir: string) =>
  Effect.sync((): { readonly pid: number; readonly url: string } => {
    const file = join(dataDir, "endpoint.json")
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { pid: 0, url: "" }
  })

describe("a daemon that systemd gives a socket", () => {
  it.live.each(["127.0.0.1", "::1"])(
    "listens at %s there, not at its own port, and the next one answers what came while there was none",
    (host) =>
      Effect.gen(function*() {
        const dataDir = join(yield* temporaryDirectory, "data")
        const unit = yield* socketUnit(host, "--relay", "http://127.0.0.1:9/mcp", "--data-dir", dataDir)
        const origin = `http://${host === "::1" ? "[::1]" : host}:${unit.port}`
        // It came before there was any daemon.
        const early = asked(`${origin}/healthz`)
        yield* unit.start()
        assert.strictEqual(yield* Effect.promise(() => early), 200)
        const first = yield* eventually("it serves", serving(dataDir), ({ pid }) => pid !== 0)
        assert.strictEqual(first.url, `${origin}/mcp`)
        const status = yield* run(["status", "--data-dir", dataDir])
        assert.match(status.stdout, /^supervisor {2}systemd, which holds the port$/m, status.stderr)
        const refused = yield* run(["restart", "--data-dir", dataDir])
        assert.include(refused.stderr, "restart its service")

        process.kill(first.pid, "SIGKILL")
        const waiting = asked(`${origin}/healthz`)
        yield* unit.start()
        assert.strictEqual(yield* Effect.promise(() => waiting), 200)
        const second = yield* eventually("the next one serves", serving(dataDir), ({ pid }) =>
          ![0, first.pid].includes(pid))
        assert.strictEqual(second.url, first.url)
      }),
    60_000
  )

  it.live("refuses several sockets, since it listens on one", () =>
    Effect.gen(function*() {
      const dataDir = join(yield* temporaryDirectory, "data")
      const unit = yield* socketUnit("127.0.0.1", "--relay", "http://127.0.0.1:9/mcp", "--data-dir", dataDir)
      yield* unit.start(2)
      yield* eventually("it says so", Effect.sync(unit.said), (text) => text.includes("handed over 2 sockets"))
    }), 60_000)

  it.live("takes no notice of what is another process's", () =>
    Effect.gen(function*() {
      const dataDir = join(yield* temporaryDirectory, "data")
      // Its own port 0, a supervisor's child, with the variables left by whoever started them.
      const ended = yield* run(["serve", "--data-dir", dataDir, "--no-supervisor"], {
        LISTEN_PID: "1",
        LISTEN_FDS: "1"
      })
      assert.strictEqual(ended.code, 2)
      assert.include(ended.stderr, "serve needs a relay")
    }))
})

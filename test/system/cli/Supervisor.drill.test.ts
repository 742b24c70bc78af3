/** The daemon under its supervisor: the port stays bound whatever happens to the daemon, and both end together. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { officialClients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { launch } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const nowhere = "http://127.0.0.1:9/mcp"

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const gone = (pid: number) => eventually(`process ${pid} is gone`, Effect.sync(() => isAlive(pid)), (lives) => !lives)

const kill = (pid: number, signal: NodeJS.Signals = "SIGKILL") => Effect.sync(() => process.kill(pid, signal))

/** Kills the daemon under the supervisor; done once another one serves. */
const killDaemon = Effect.fnUntraced(function*(daemon: Daemon) {
  const pid = yield* daemon.servingPid
  yield* kill(pid)
  yield* eventually("another daemon serves", daemon.servingPid, (next) => next !== 0 && next !== pid && isAlive(next))
})

const supervisorOf = (daemon: Daemon) =>
  Effect.map(daemon.admin("/api/status"), ({ body }) => {
    const { daemon: view } = body as { readonly daemon: { readonly portHeldBy: string; readonly supervisor: unknown } }
    return { by: view.portHeldBy, ...view.supervisor as { readonly pid: number; readonly restarts: number } }
  })

/** What a plain connection ends with at the port. */
const connected = (port: number) =>
  Effect.callback<string>((resume) => {
    const socket = connect(port, "127.0.0.1")
      .on("connect", () => resume(Effect.succeed("connected")))
      .on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "")))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.tap(Effect.yieldNow))

/** What another program gets that wants the port. */
const bound = (port: number) =>
  Effect.callback<string>((resume) => {
    const server = createServer()
      .on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "")))
      .listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed("bound"))))
  })

/** Each distinct outcome of `look`, over and over until the fiber is interrupted. */
const watched = Effect.fnUntraced(function*(look: Effect.Effect<string>) {
  const seen = new Map<string, number>()
  const once = Effect.map(look, (outcome) => seen.set(outcome, (seen.get(outcome) ?? 0) + 1))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(once, Effect.sleep("5 millis"))))
  return seen
})

/** Before that it may be ended without a line in its log. */
const saysReady = (daemon: Daemon) =>
  eventually("the line that it is ready", daemon.stderr, (text) => text.includes("Holdfast is ready"))

describe("a daemon under its supervisor", () => {
  it.live.each(officialClients)(
    "is killed five times while $client calls: no connection is refused, the port is never free, and calls go on",
    ({ connect }) =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url, supervised: true })
        const client = yield* connect(daemon.url, { secret: daemon.secret })
        const session = yield* client.sessionId
        let answered = 0
        const failures: Array<string> = []
        const calling = yield* client.call("echo", { text: "again" }).pipe(
          Effect.match({
            onSuccess: () => void (answered += 1),
            onFailure: (error) => void failures.push(JSON.stringify(error, Object.getOwnPropertyNames(error)))
          }),
          Effect.forever,
          Effect.forkScoped
        )
        const connections = yield* watched(connected(daemon.port))
        const takers = yield* watched(bound(daemon.port))

        for (let round = 1; round <= 5; round++) {
          const before = answered
          yield* killDaemon(daemon)
          yield* eventually("calls go on", Effect.sync(() => answered), (now) => now > before + 2)
        }
        yield* Fiber.interrupt(calling)
        assert.notInclude(failures.join("\n"), "ECONNREFUSED")
        // Those whose connection the killed daemon had: one a life.
        assert.isAtMost(failures.length, 5, failures.join("\n"))
        assert.deepStrictEqual([...connections.keys()], ["connected"])
        assert.deepStrictEqual([...takers.keys()], ["EADDRINUSE"])
        assert.isAbove(connections.get("connected") ?? 0, 20)
        assert.strictEqual(yield* client.sessionId, session)
        assert.strictEqual(yield* client.wire.initializes, 1)
        const { by, pid, restarts } = yield* supervisorOf(daemon)
        assert.deepStrictEqual({ by, pid, restarts }, { by: "supervisor", pid: yield* daemon.pid, restarts: 5 })
      }),
    120_000
  )

  it.live(
    "is asked by a command while it is started again: the command waits, and status says how often it was",
    () =>
      Effect.gen(function*() {
        const daemon = yield* Daemon.start({ relayUrl: nowhere, supervised: true })
        const before = yield* daemon.command("status")
        assert.match(before.stdout, new RegExp(`^supervisor  process ${yield* daemon.pid}, which holds the port$`, "m"))
        yield* kill(yield* daemon.servingPid)
        const status = yield* daemon.command("status")
        assert.strictEqual(status.code, 0, status.stderr)
        assert.match(status.stdout, /^supervisor .*; started the daemon again once, last after SIGKILL$/m)
        assert.match(yield* daemon.stderr, /the daemon ended by itself and was started again.*SIGKILL/)
        assert.strictEqual((yield* daemon.command("health")).code, 0)
      }),
    60_000
  )

  it.live(
    "is restarted on request, in the port of the settings, and hears SIGHUP by its supervisor",
    () =>
      Effect.gen(function*() {
        const home = yield* temporaryDirectory
        const config = join(home, "holdfast.json")
        const write = (settings: object) => writeFileSync(config, JSON.stringify(settings))
        write({})
        const daemon = yield* Daemon.start({ relayUrl: nowhere, supervised: true, args: ["--config", config] })
        write({ relays: { one: { url: nowhere } } })
        yield* daemon.signal("SIGHUP")
        const relays = Effect.map(daemon.admin("/api/status"), ({ body }) => JSON.stringify(body))
        yield* eventually("the relay of the file is served", relays, (text) => text.includes("\"one\""))

        const takers = yield* watched(bound(daemon.port))
        const serving = yield* daemon.servingPid
        const restarted = yield* daemon.command("restart", "--config", config)
        assert.strictEqual(restarted.code, 0, restarted.stderr)
        assert.include(restarted.stdout, `in the place of ${serving}`)
        assert.deepStrictEqual([...takers.keys()], ["EADDRINUSE"])
        // Nothing went wrong, so nothing is counted.
        assert.strictEqual((yield* supervisorOf(daemon)).restarts, 0)

        write({ nonsense: true })
        const refused = yield* daemon.command("restart", "--config", config)
        assert.strictEqual(refused.code, 1)
        assert.include(refused.stderr, "nonsense")
        assert.isTrue(isAlive(yield* daemon.servingPid))
      }),
    60_000
  )

  it.live(
    "moves to another address that the settings name at its next start, and the old one is free",
    () =>
      Effect.gen(function*() {
        const home = yield* temporaryDirectory
        const config = join(home, "holdfast.json")
        writeFileSync(config, "{}")
        const daemon = yield* Daemon.start({ relayUrl: nowhere, supervised: true, args: ["--config", config] })
        writeFileSync(config, JSON.stringify({ listen: { host: "127.0.0.2" } }))
        const restarted = yield* daemon.command("restart", "--config", config)
        assert.include(restarted.stdout, `http://127.0.0.2:${daemon.port}/mcp`, restarted.stderr)
        assert.strictEqual(yield* connected(daemon.port), "ECONNREFUSED")
        yield* killDaemon(daemon)
        const { url } = JSON.parse(readFileSync(join(daemon.dataDir, "endpoint.json"), "utf8"))
        assert.strictEqual(url, `http://127.0.0.2:${daemon.port}/mcp`)
      }),
    60_000
  )

  it.live(
    "ends with its supervisor: cleanly by one signal to either or to both, at once by a second one",
    () =>
      Effect.gen(function*() {
        for (const both of [false, true]) {
          const daemon = yield* Daemon.start({ relayUrl: nowhere, supervised: true })
          yield* saysReady(daemon)
          const serving = yield* daemon.servingPid
          // As a terminal does, and a service manager.
          if (both) yield* kill(serving, "SIGTERM")
          assert.deepStrictEqual(yield* daemon.terminate, { code: 0, signal: null })
          yield* gone(serving)
          assert.match(yield* daemon.stderr, /Holdfast is stopping/)
          assert.strictEqual(yield* connected(daemon.port), "ECONNREFUSED")
        }
        const stopped = yield* Daemon.start({ relayUrl: nowhere, supervised: true })
        const stop = yield* stopped.command("stop")
        assert.strictEqual(stop.code, 0, stop.stderr)
        assert.deepStrictEqual(yield* stopped.ended, { code: 0, signal: null })
        assert.strictEqual((yield* stopped.command("status")).code, 3)

        const frozen = yield* Daemon.start({ relayUrl: nowhere, supervised: true })
        const pid = yield* frozen.servingPid
        yield* kill(pid, "SIGSTOP")
        yield* frozen.signal("SIGTERM")
        yield* frozen.signal("SIGINT")
        assert.deepStrictEqual(yield* frozen.ended, { code: 130, signal: null })
        yield* gone(pid)
      }),
    120_000
  )

  it.live("ends by itself when its supervisor is killed, cleanly", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ relayUrl: nowhere, supervised: true })
      yield* saysReady(daemon)
      const serving = yield* daemon.servingPid
      yield* kill(yield* daemon.pid)
      yield* gone(serving)
      assert.strictEqual(yield* daemon.servingPid, 0)
      assert.match(yield* daemon.stderr, /Holdfast is stopping.*its supervisor has ended/)
    }), 60_000)

  it.live.skipIf(process.platform !== "linux")(
    "ends by itself also where its supervisor was killed before it had taken the port",
    () =>
      Effect.gen(function*() {
        const dataDir = join(yield* temporaryDirectory, "data")
        const { child } = launch(["serve", "--relay", nowhere, "--port", "0", "--data-dir", dataDir])
        const supervisor = child.pid ?? 0
        const children = Effect.sync(() => readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, "utf8"))
        const serving = Number(yield* eventually("the daemon's process", children, (text) => text !== ""))
        yield* kill(supervisor, "SIGSTOP")
        yield* eventually("the daemon", Effect.sync(() => existsSync(join(dataDir, "endpoint.json"))), (found) => found)
        yield* kill(supervisor)
        yield* gone(serving)
      }),
    60_000
  )

  it.live("does not start at all as without one: the same words, the same exit code", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      const config = join(home, "holdfast.json")
      writeFileSync(config, "{\"nonsense\":true}")
      for (const words of [["--config", config], ["--embedded", "--relay", nowhere], []]) {
        const data = ["--data-dir", join(home, "data")]
        const alone = yield* Daemon.run(["serve", ...words, ...data, "--no-supervisor"])
        assert.isAbove(alone.code ?? 0, 0)
        assert.deepStrictEqual(yield* Daemon.run(["serve", ...words, ...data]), alone)
      }
    }), 60_000)

  it.live(
    "that cannot be started again is given up after a while, with the daemon's own exit code; stop ends it before",
    () =>
      Effect.gen(function*() {
        const home = yield* temporaryDirectory
        const config = join(home, "holdfast.json")
        writeFileSync(config, "{}")
        const args = ["--config", config]
        const start = Daemon.start({ relayUrl: nowhere, supervised: true, args })
        const [first, second] = [yield* start, yield* start]
        writeFileSync(config, "{\"nonsense\":true}")

        yield* kill(yield* second.servingPid)
        const stop = yield* second.command("stop")
        assert.strictEqual(stop.code, 0, stop.stderr)
        assert.deepStrictEqual(yield* second.ended, { code: 0, signal: null })

        yield* kill(yield* first.servingPid)
        assert.deepStrictEqual(yield* first.ended, { code: 1, signal: null })
        assert.match(yield* first.stderr, /started 5 times in a row and did not get ready \(exit code 1\)/)
        assert.strictEqual((yield* first.stderr).match(/nonsense is not a setting/g)?.length, 5)
      }),
    120_000
  )

  it.live.skipIf(process.platform !== "linux")(
    "gives the listening socket to no program that it starts",
    () =>
      Effect.gen(function*() {
        const home = yield* temporaryDirectory
        const listed = join(home, "descriptors")
        const config = join(home, "holdfast.json")
        const command = `ls -l /proc/self/fd > ${listed}; env >> ${listed}; echo token`
        writeFileSync(config, JSON.stringify({ token: { command } }))
        const daemon = yield* Daemon.start({ relayUrl: nowhere, supervised: true, args: ["--config", config] })
        for (const again of [false, true]) {
          if (again) yield* killDaemon(daemon)
          const read = Effect.sync(() => existsSync(listed) ? readFileSync(listed, "utf8") : "")
          const text = yield* eventually("the command ran", read, (text) => text.includes("PATH="))
          assert.notInclude(text, "HOLDFAST_SUPERVISED")
          const listeners = readFileSync("/proc/net/tcp", "utf8").split("\n").map((line) => line.trim().split(/\s+/))
            .filter(([, , , state]) => state === "0A").map((parts) => parts[9])
          assert.isAbove(listeners.length, 0)
          for (const [, inode] of text.matchAll(/socket:\[(\d+)\]/g)) assert.notInclude(listeners, inode)
          rmSync(listed)
        }
      }),
    60_000
  )
})

/** Another user of the machine, who has the port of a daemon, and its process id. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { userHome } from "../../support/git/userHome.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { listening } from "../../support/listening.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { stdioClient } from "../../support/StdioClient.ts"
import { run } from "../../support/Terminal.ts"
import { canStartThief, neighbour, type Thief, thief } from "../../support/Thief.ts"

const relayUrl = "http://127.0.0.1:9/mcp"

/** Each way in which a command asks the daemon, or gives an agent's secret away. */
const commands: ReadonlyArray<ReadonlyArray<string>> = [
  ["status"],
  ["status", "--json"],
  ["health"],
  ["doctor"],
  ["token", "show"],
  ["token", "refresh"],
  ["agents", "list"],
  ["outbox", "list"],
  ["tools"],
  ["context", "show"],
  ["reload"],
  ["logs", "--set-level", "debug"],
  ["headers"],
  ["stdio"],
  ["stop"]
]

const freePort = Effect.scoped(listening(() => {}))

const forge = (dataDir: string, change: object) => {
  const file = join(dataDir, "endpoint.json")
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }))
}

/** What git does, by the small program that `credential install` names, and by a line that names no more than the verb. */
const askAsGit = Effect.fnUntraced(function*(dataDir: string) {
  const user = yield* userHome
  const places = ["--data-dir", dataDir]
  for (const operation of ["get", "erase"]) {
    for (const words of [[...places, operation], [operation, ...places]]) {
      const { err, out } = yield* user.run(process.execPath, [holdfastFile, "credential", ...words], {
        input: "protocol=https\nhost=github.com\npassword=old\n\n",
        env: { HOLDFAST_DEBUG: "credential" }
      })
      assert.include(err, "no daemon of ours runs on")
      assert.strictEqual(out, "")
    }
  }
})

/** Runs them all: no secret reached the neighbour, nor an output; what they said. */
const runAll = Effect.fnUntraced(function*(dataDir: string, { heard }: Thief) {
  const secrets = ["admin-secret", "agent-secret"].map((name) => readFileSync(join(dataDir, name), "utf8").trim())
  const outputs = []
  // What stands behind "--" is the program's, so the directory stands before it.
  const places = ["--data-dir", dataDir, "--config", join(dataDir, "empty.json")]
  const running = ["exec", "gh"].map((name) => [name, ...places, "--", "true"])
  for (const words of [...commands, ...running]) {
    const { code, err, out } = yield* run(dataDir, ...words)
    outputs.push({ words: words.join(" "), code, text: `${out}${err}` })
  }
  yield* askAsGit(dataDir)
  assert.strictEqual(yield* heard, "")
  for (const { text, words } of outputs) {
    for (const secret of secrets) assert.notInclude(text, secret, `holdfast ${words} printed a secret`)
  }
  return outputs
})

describe.skipIf(!canStartThief)("a neighbour (only root can start a program as another user)", () => {
  it.live("that has a dead daemon's port and process id is sent nothing by any command", () =>
    Effect.gen(function*() {
      const daemon = yield* Daemon.start({ relayUrl })
      yield* daemon.kill
      const other = yield* thief(daemon.port)
      const { pid } = other
      forge(daemon.dataDir, { pid })
      const outputs = yield* runAll(daemon.dataDir, other)
      const status = outputs.find(({ words }) => words === "status")
      assert.strictEqual(status?.code, 3)
      assert.include(status?.text, `process ${pid}, which is another user's`)
      assert.include(status?.text, "holdfast serve")
    }), 90_000)

  it.live(
    "that has a dead daemon's port is sent nothing where a program of our own has its process id",
    () =>
      Effect.gen(function*() {
        const daemon = yield* Daemon.start({ relayUrl })
        yield* daemon.kill
        const other = yield* thief(daemon.port)
        // As a version wrote it that knew of no start.
        forge(daemon.dataDir, { pid: process.pid, processStart: undefined })
        yield* runAll(daemon.dataDir, other)
      }),
    90_000
  )

  it.live(
    "that has the port which the file names is sent nothing while our daemon lives, and its user is named",
    () =>
      Effect.gen(function*() {
        const daemon = yield* Daemon.start({ relayUrl })
        const other = yield* thief(0)
        const { port } = other
        forge(daemon.dataDir, { port, url: `http://127.0.0.1:${port}/mcp` })
        const outputs = yield* runAll(daemon.dataDir, other)
        for (const { code, text, words } of outputs.filter(({ words }) => !/^(gh|doctor)/.test(words))) {
          assert.notStrictEqual(code, 0, words)
          assert.include(text, `a process of user ${neighbour} listens at http://127.0.0.1:${port}/mcp`, words)
          assert.include(text, "--port", words)
        }
      }),
    90_000
  )

  it.live(
    "that takes the port while a client has \"holdfast stdio\" open gets none of its requests; the next daemon does",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* stdioClient(daemon.dataDir, false)
        assert.include(yield* client.call("echo", { text: "before" }), "before")
        yield* daemon.kill
        const other = yield* thief(daemon.port)
        forge(daemon.dataDir, { pid: other.pid })
        const call = yield* Effect.forkChild(client.call("echo", { text: "after" }), { startImmediately: true })
        yield* Daemon.start({ relayUrl: relay.url, dataDir: daemon.dataDir, port: yield* freePort })
        assert.include(yield* Fiber.join(call), "after")
        assert.strictEqual(yield* other.heard, "")
      }),
    90_000
  )
})

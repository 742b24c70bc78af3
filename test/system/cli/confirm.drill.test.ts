/** Questions on a terminal: a real one, made by script(1) from util-linux. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { entry } from "../../support/adminDoubles.ts"
import { scratch } from "../../support/agents/scratch.ts"
import { Daemon } from "../../support/Daemon.ts"
import { childEnvironment } from "../../support/environment.ts"
import { holdfastFile } from "../../support/holdfastFile.ts"
import { run } from "../../support/Program.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { daemon } from "../../support/Terminal.ts"

/** Types `answer` once the question is on the screen; gives the screen and the exit code. */
const onTerminal = (
  dataDir: string,
  answer: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = { HOME: dataDir }
) =>
  Effect.callback<{ readonly code: number | null; readonly screen: string }>((resume) => {
    const words = [process.execPath, holdfastFile, ...args, "--data-dir", dataDir]
    const child = spawn("script", ["--quiet", "--return", "--command", words.join(" "), "/dev/null"], {
      env: childEnvironment({ ...environment, TERM: "xterm" }),
      stdio: ["pipe", "pipe", "inherit"]
    })
    let screen = ""
    let asked = false
    child.stdout.on("data", (chunk) => {
      screen += String(chunk)
      if (asked || !/\(y\/n\)/i.test(screen)) return
      asked = true
      child.stdin.write(answer)
    })
    child.once("close", (code) => resume(Effect.succeed({ code, screen })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("outbox discard --all on a terminal", () => {
  it.live("asks, and removes the calls after a yes", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {})])
      const { code, screen } = yield* onTerminal(directory, "y", ["outbox", "discard", "--all"])
      assert.include(screen, "Remove every pending, held and dead call of all agents for good?")
      assert.include(screen, "discarded: 1")
      assert.strictEqual(code, 0)
    }))

  it.live("removes nothing after a no", () =>
    Effect.gen(function*() {
      const directory = yield* daemon([entry(1, {})])
      const { code, screen } = yield* onTerminal(directory, "n", ["outbox", "discard", "--all", "--state", "dead"])
      assert.include(screen, "Remove every dead call of all agents for good?")
      assert.include(screen, "nothing was discarded")
      assert.strictEqual(code, 1)
    }))

  it.live("removes what a real daemon holds after a yes, and nothing where there is no terminal and no --yes", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const agent = yield* rawAgent(daemon)
      yield* relay.kill
      assert.include((yield* agent.call("relay_send_message", { to: "b", text: "x" })).text, "queued")
      const unasked = yield* daemon.command("outbox", "discard", "--all")
      assert.strictEqual(unasked.code, 2)
      assert.include(unasked.stderr, "add --yes")
      const kept = yield* daemon.command("outbox", "list")
      assert.include(kept.stdout, "relay_send_message")

      const { code, screen } = yield* onTerminal(daemon.dataDir, "y", ["outbox", "discard", "--all"])
      assert.strictEqual(code, 0, screen)
      assert.include((yield* daemon.command("outbox", "list")).stdout, "nothing there")
    }))
})

describe("tools approve on a terminal", () => {
  it.live("shows each definition and asks; after a no nothing is approved, after a yes what was shown", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url, env: { HOLDFAST_RELAY_PIN_TOOLS: "true" } })
      const agent = yield* rawAgent(daemon)
      const names = Effect.map(
        agent.request("tools/list"),
        ({ answer }) => (answer.result?.tools ?? []).map(({ name }) => name)
      )
      assert.deepStrictEqual(yield* names, [])

      const refused = yield* onTerminal(daemon.dataDir, "n", ["tools", "approve", "echo"])
      assert.include(refused.screen, "+ echo (reads)")
      assert.include(refused.screen, "Approve this definition?")
      assert.include(refused.screen, "nothing was approved")
      assert.strictEqual(refused.code, 1)
      assert.deepStrictEqual(yield* names, [])

      const agreed = yield* onTerminal(daemon.dataDir, "y", ["tools", "approve", "echo"])
      assert.strictEqual(agreed.code, 0, agreed.screen)
      assert.deepStrictEqual(yield* names, ["echo"])
      const unknown = yield* daemon.command("tools", "approve", "echo", "--yes")
      assert.include(unknown.stderr, "no relay offers an unapproved tool called \"echo\"")
    }))
})

describe("connect", () => {
  it.live(
    "asks on a terminal which tools to queue; elsewhere it names them, and queues none without --yes",
    () =>
      Effect.gen(function*() {
        const home = yield* scratch
        const environment = { ...home.environment, HOLDFAST_PORT: "0" }
        const relay = yield* TestRelay.start({ idempotentHint: true })
        const connect = ["connect", relay.url, "--no-service"]
        yield* Effect.addFinalizer(() => Effect.ignore(run(["connect", "--undo"], environment, home.path)))
        const bufferable = () => JSON.parse(home.read(".config", "holdfast", "holdfast.json")).outbox?.bufferable
        const onTerminalOf = (answer: string) =>
          onTerminal(home.file(".state", "holdfast"), answer, connect, environment)

        const unasked = yield* run(connect, environment, home.path)
        assert.match(unasked.stdout, /Agree with --yes, or name those that you want: --queue .*commit_and_die/)
        assert.isUndefined(bufferable())

        const refused = yield* onTerminalOf("n")
        assert.strictEqual(refused.code, 0, refused.screen)
        assert.include(refused.screen, "These tools say that a repeated call does no harm: ")
        assert.include(refused.screen, "Queue their calls while the relay is away?")
        assert.isUndefined(bufferable())

        const agreed = yield* onTerminalOf("y")
        assert.strictEqual(agreed.code, 0, agreed.screen)
        assert.include(agreed.screen, "queued while the relay is away: ")
        assert.include(bufferable(), "commit_and_die")
      }),
    120_000
  )
})

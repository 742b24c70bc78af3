/**
 * Kills agent, Holdfast and relay at random while calls of 30 s are under way, all of them real processes. The relay keeps
 * what it was asked on disk: half of its calls can be read on by their event ids, half are known by their key.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Daemon } from "../../support/Daemon.ts"
import { Dice } from "../../support/Dice.ts"
import { childEnvironment } from "../../support/environment.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const rounds = Number(process.env["KEPT_ROUNDS"] ?? 10)
const callsInRound = 10
const millis = 30_000
/** A call is on disk as under way after one second; what is killed before that is another matter (BEHAVIOUR 5). */
const firstKill = 3_000
const program = (name: string) => fileURLToPath(new URL(`../../support/${name}`, import.meta.url))

interface Listed {
  readonly results: ReadonlyArray<{ readonly id: number; readonly state: string }>
}

const startAgent = (given: object) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child: ChildProcess = spawn(process.execPath, [program("agents/longCallAgent.ts"), JSON.stringify(given)], {
        stdio: ["ignore", "pipe", "inherit", "ipc"],
        env: childEnvironment({})
      })
      let out = ""
      child.stdout?.setEncoding("utf8").on("data", (chunk: string) => out += chunk)
      const lines = () => out.split("\n").slice(0, -1).map((line): Record<string, unknown> => JSON.parse(line))
      return { child, lines: Effect.sync(lines) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const keptTexts = Effect.fnUntraced(function*(daemon: Daemon) {
  const { body } = yield* daemon.admin("/api/results?limit=1000")
  const texts: Array<string> = []
  for (const { id, state } of (body as Listed).results) {
    if (state !== "answered") continue
    const detail = yield* daemon.admin(`/api/results/${id}`)
    texts.push(JSON.parse((detail.body as { readonly response: string }).response).result.content[0].text)
  }
  return texts
})

/** Of calls whose agent was acknowledged before it went: the outbox has what became of them. */
const deliveredTexts = Effect.fnUntraced(function*(daemon: Daemon) {
  const { body } = yield* daemon.admin("/api/outbox/export?state=delivered&limit=1000")
  const { entries } = body as { readonly entries: ReadonlyArray<{ readonly result: string }> }
  return entries.map(({ result }): string => JSON.parse(result).content[0].text)
})

const round = Effect.fnUntraced(function*(seed: string) {
  const dice = new Dice(seed)
  const relay = yield* TestRelay.start({ program: program("relay/longCallRelay.ts") })
  // A lane for each: one call after the other would take as often as long.
  const env = { HOLDFAST_OUTBOX_BUFFERABLE: "keyed", HOLDFAST_OUTBOX_LANE: "text" }
  const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
  const calls = Array.from({ length: callsInRound }, (_, index) => ({
    id: `toolu_${seed}_${index}_0123456789abcdef`,
    tool: index % 2 === 0 ? "long" : "keyed",
    arguments: { text: `${seed}-${index}`, millis }
  }))
  const agent = yield* startAgent({ port: daemon.port, secret: daemon.secret, calls })
  yield* eventually("the agent's session", agent.lines, (lines) => lines.length > 0)

  const victims = [dice.of(["agent", "daemon", "relay"]), dice.of(["agent", "daemon", "relay"]), "agent"] as const
  const kills = victims.map((victim) => ({ victim, at: dice.between(firstKill, millis - 2_000) }))
    .sort((one, other) => one.at - other.at)
  const told: Array<string> = []
  let now = 0
  for (const { at, victim } of kills) {
    yield* Effect.sleep(at - now)
    now = at
    told.push(`${victim} at ${at} ms`)
    if (victim === "agent") agent.child.kill("SIGKILL")
    if (victim === "daemon") yield* daemon.restart()
    if (victim === "relay") yield* relay.restart()
  }
  const wanted = calls.map((call) => `done: ${call.arguments.text}`)
  const read = Effect.gen(function*() {
    const printed = (yield* agent.lines).map(({ text }) => text)
    const texts = new Set<unknown>([...printed, ...yield* keptTexts(daemon), ...yield* deliveredTexts(daemon)])
    return wanted.filter((text) => !texts.has(text))
  })
  let missing = yield* read
  for (let seconds = 0; missing.length > 0 && seconds < 90; seconds++) {
    yield* Effect.sleep("1 second")
    missing = yield* read
  }
  const executed = (yield* relay.ledger).map((entry) => String(entry.arguments["text"]))
  const twice = executed.filter((text, index) => executed.indexOf(text) !== index)
  return { seed, told, missing, twice, executed: executed.length }
}, Effect.scoped)

describe("calls of 30 s, while agent, Holdfast and relay are killed at random", () => {
  it.live("have all their results read, each carried out once", () =>
    Effect.gen(function*() {
      const seeds = Array.from({ length: rounds }, (_, index) => `${process.env["KEPT_SEED"] ?? "k"}${index}`)
      const ended = yield* Effect.forEach(seeds, round, { concurrency: 2 })
      for (const one of ended) yield* Effect.log(JSON.stringify(one))
      assert.deepStrictEqual(ended.filter(({ missing, twice }) => missing.length + twice.length > 0), [])
      assert.strictEqual(ended.reduce((sum, { executed }) => sum + executed, 0), rounds * callsInRound)
    }), Math.ceil(rounds / 2) * 180_000 + 60_000)
})

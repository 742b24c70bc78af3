/**
 * What the model of the real Claude Code, Codex and Gemini sees of a call that takes long, a stop, a crash, a changed menu
 * and a cold start; each in both eras, where it has both. What was seen is printed, a line each.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { execFile } from "node:child_process"
import type { TestContext } from "vitest"
import { listenEnder } from "../../support/agents/listenEnder.ts"
import { playedAgent, type PlayedAgentOptions } from "../../support/agents/playedAgent.ts"
import { realAgent } from "../../support/agents/realAgent.ts"
import { questionWith, type ScriptedAgent, scriptedAgents } from "../../support/agents/scriptedAgents.ts"
import type { Question } from "../../support/agents/ScriptedModel.ts"
import { sessionsOf } from "../../support/agents/sessionsOf.ts"
import { Daemon, type DaemonOptions } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

interface Client {
  readonly title: string
  readonly scripted: ScriptedAgent
  readonly isModern: boolean
  readonly options: PlayedAgentOptions
}

const known = (agent: ScriptedAgent["agent"]): ScriptedAgent => {
  const scripted = scriptedAgents.find((each) => each.agent === agent)
  if (scripted === undefined) throw new Error(`nobody plays ${agent}`)
  return scripted
}

const claude = { title: "Claude Code, modern", scripted: known("claude"), isModern: true, options: {} }
const legacyClaude = {
  ...claude,
  title: "Claude Code, legacy",
  isModern: false,
  options: { environment: { MCP_PROTOCOL_NEGOTIATION: "legacy" } }
}
const codex = { title: "Codex, legacy", scripted: known("codex"), isModern: false, options: {} }
const modernCodex = {
  ...codex,
  title: "Codex, modern",
  isModern: true,
  options: { args: ["--enable", "mcp_2026_07_28"] }
}
const gemini = { title: "Gemini CLI, legacy", scripted: known("gemini"), isModern: false, options: {} }
const clients: ReadonlyArray<Client> = [claude, legacyClaude, codex, modernCodex, gemini]

/** Longer than any client waits for anything below. */
const timeout = "5 minutes"

const play = (client: Client, command: string, daemon: Daemon, more: PlayedAgentOptions = {}) =>
  playedAgent(client.scripted, command, daemon, {
    timeout,
    ...more,
    args: [...client.options.args ?? [], ...more.args ?? []],
    environment: { ...client.options.environment, ...more.environment }
  })

/** An agent that has its tools, in its era. */
const connected = Effect.fnUntraced(
  function*(client: Client, context: TestContext, more: PlayedAgentOptions = {}, options: DaemonOptions = {}) {
    const command = yield* realAgent(client.scripted.agent, context)
    const relay = yield* TestRelay.start()
    const daemon = yield* Daemon.start({ relayUrl: relay.url, supervised: true, ...options })
    const { model } = yield* play(client, command, daemon, more)
    yield* questionWith(client.scripted, model, "silent")
    assert.strictEqual((yield* sessionsOf(daemon)).length === 0, client.isModern)
    const call = (tool: string, input: Readonly<Record<string, unknown>> = {}) =>
      model.call(client.scripted.named(tool), input)
    /** A call that the relay never answers, once the relay has it. */
    const quietCall = Effect.gen(function*() {
      const called = yield* Effect.forkScoped(call("silent"))
      yield* eventually("the call at the relay", relay.requests, (all) => all.some(({ tool }) => tool === "silent"))
      return called
    })
    return { relay, daemon, model, call, quietCall }
  }
)

const print = (client: Client, what: string, millis: number, saw: string) =>
  Effect.sync(() => {
    process.stderr.write(`${client.title} | ${what} | ${(millis / 1000).toFixed(1)} s | ${saw}\n`)
  })

const textOf = ({ results }: Question): string => results.join(" ")

/** Kills the daemon below its supervisor; gives the process that it was. */
const crash = Effect.fnUntraced(function*(daemon: Daemon) {
  const pid = yield* daemon.servingPid
  process.kill(pid, "SIGKILL")
  return pid
})

/** A child of the process besides `known`, or 0. */
const childOf = (pid: number, known: number) =>
  Effect.callback<number>((resume) => {
    execFile("pgrep", ["-P", String(pid)], (_, out) => {
      const others = out.split("\n").map(Number).filter((child) => child !== 0 && child !== known)
      resume(Effect.succeed(others[0] ?? 0))
    })
  })

/** Until a call is answered: how long, and how many before it failed. */
const nextAnswer = Effect.fnUntraced(
  function*(call: (tool: string, input: { readonly text: string }) => Effect.Effect<Question>) {
    const from = yield* Clock.currentTimeMillis
    const failed: Array<string> = []
    for (;;) {
      const text = `again ${failed.length}`
      const saw = textOf(yield* call("echo", { text }))
      if (saw.includes(text)) return { millis: (yield* Clock.currentTimeMillis) - from, failed }
      failed.push(saw)
      yield* Effect.sleep("200 millis")
    }
  }
)

const printAnswer = (client: Client, what: string, { failed, millis }: Effect.Success<ReturnType<typeof nextAnswer>>) =>
  print(
    client,
    what,
    millis,
    `answered; ${failed.length} calls failed before${failed.length === 0 ? "" : `: ${failed[0]}`}`
  )

const maybeDone = /may have been carried out/

describe("the model of a real agent", () => {
  it.live("Claude Code, modern: waits for a quiet call beyond its default limit of 300 s", (context) =>
    Effect.gen(function*() {
      const { call } = yield* connected(claude, context, { timeout: "8 minutes" })
      const from = yield* Clock.currentTimeMillis
      const saw = textOf(yield* call("silent", { millis: 330_000 }))
      yield* print(claude, "quiet call of 330 s", (yield* Clock.currentTimeMillis) - from, saw)
      assert.include(saw, "330000")
    }))

  /** Claude takes no limit below 30 s. */
  const limits = [
    { client: claude, more: { environment: { CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT: "30000" } }, seconds: 70, waits: true },
    {
      client: legacyClaude,
      more: { environment: { CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT: "30000" } },
      seconds: 70,
      waits: true
    },
    { client: codex, more: { args: ["-c", "mcp_servers.holdfast.tool_timeout_sec=10"] }, seconds: 20, waits: false },
    {
      client: modernCodex,
      more: { args: ["-c", "mcp_servers.holdfast.tool_timeout_sec=10"] },
      seconds: 20,
      waits: false
    }
  ]
  it.live.each(limits)(
    "$client.title: waits for a quiet call beyond its own limit ($waits), since it hears of progress",
    ({ client, more, seconds, waits }, context) =>
      Effect.gen(function*() {
        const progress = { env: { HOLDFAST_STREAMS_ANSWER_PROGRESS: "4 seconds" } }
        const { call } = yield* connected(client, context, more, progress)
        const from = yield* Clock.currentTimeMillis
        const saw = textOf(yield* call("silent", { millis: seconds * 1000 }))
        yield* print(client, `quiet call of ${seconds} s`, (yield* Clock.currentTimeMillis) - from, saw)
        assert.strictEqual(saw.includes(String(seconds * 1000)), waits, saw)
      })
  )

  it.live.each([claude, legacyClaude])(
    "$title: gives the same call up where nothing tells it of progress",
    (client, context) =>
      Effect.gen(function*() {
        const silence = { env: { HOLDFAST_STREAMS_ANSWER_PROGRESS: "1 hour" } }
        const more = { environment: { CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT: "30000" } }
        const { call } = yield* connected(client, context, more, silence)
        const from = yield* Clock.currentTimeMillis
        const saw = textOf(yield* call("silent", { millis: 70_000 }))
        yield* print(client, "the same without progress", (yield* Clock.currentTimeMillis) - from, saw)
        assert.notInclude(saw, "70000")
      })
  )

  it.live.each(clients)(
    "$title: gets the error of its open call when Holdfast is stopped",
    (client, context) =>
      Effect.gen(function*() {
        const { daemon, quietCall } = yield* connected(client, context)
        const called = yield* quietCall
        yield* Effect.sleep("12 seconds")
        const from = yield* Clock.currentTimeMillis
        yield* Effect.forkScoped(daemon.terminate)
        const saw = textOf(yield* Fiber.join(called))
        yield* print(client, "stopped 12 s into a call", (yield* Clock.currentTimeMillis) - from, saw)
        assert.match(saw, maybeDone)
      })
  )

  it.live.each(clients.flatMap((client) => [{ client, seconds: 2 }, { client, seconds: 12 }]))(
    "$client.title: gets an error when Holdfast crashes $seconds s into its call, and an answer to its next",
    ({ client, seconds }, context) =>
      Effect.gen(function*() {
        const { call, daemon, quietCall } = yield* connected(client, context)
        const called = yield* quietCall
        yield* Effect.sleep(`${seconds} seconds`)
        const from = yield* Clock.currentTimeMillis
        yield* crash(daemon)
        const saw = textOf(yield* Fiber.join(called))
        yield* print(client, `crash ${seconds} s into a call`, (yield* Clock.currentTimeMillis) - from, saw)
        yield* printAnswer(client, "the call after that", yield* nextAnswer(call))
      })
  )

  it.live.each(clients)(
    "$title: has its next call answered after a crash, and after a start of 10 s with the port bound",
    (client, context) =>
      Effect.gen(function*() {
        const { call, daemon } = yield* connected(client, context)
        const supervisor = yield* daemon.pid
        yield* nextAnswer(call)
        yield* crash(daemon)
        yield* printAnswer(client, "call right behind a crash", yield* nextAnswer(call))

        yield* Effect.sleep("3 seconds")
        const before = yield* crash(daemon)
        const next = yield* eventually("a next daemon", childOf(supervisor, before), (pid) => pid !== 0)
        process.kill(next, "SIGSTOP")
        yield* Effect.sleep("10 seconds")
        process.kill(next, "SIGCONT")
        yield* eventually("it serves", daemon.servingPid, (pid) => pid === next)
        yield* printAnswer(client, "call after 10 s without a daemon, port bound", yield* nextAnswer(call))

        yield* daemon.kill
        yield* Effect.sleep("10 seconds")
        yield* daemon.restart()
        yield* printAnswer(client, "call after 10 s without a supervisor either", yield* nextAnswer(call))
      })
  )

  /** Claude Code's menu does not change with a worktree otherwise. */
  const narrowed = { env: { HOLDFAST_MENU_NARROW: "always" } }

  /** Until the model has the tools of a worktree, to which its agent is attached: how many answers that took. */
  const learns = Effect.fnUntraced(function*(
    client: Client,
    daemon: Daemon,
    call: (tool: string, input: { readonly text: string }) => Effect.Effect<Question>
  ) {
    const wider = client.scripted.named("relay_workspace_claim")
    assert.notInclude((yield* call("echo", { text: "before" })).tools, wider)
    const { body } = yield* daemon.admin("/api/agents")
    const { agent = "" } = (body as ReadonlyArray<{ readonly agent: string }>).find(({ agent }) =>
      agent !== "default"
    ) ?? {}
    yield* daemon.admin("/api/context", { agent, event: "Attach", path: "/tmp", branch: "b" })
    const from = yield* Clock.currentTimeMillis
    let answers = 0
    yield* eventually(
      "the model has the new menu",
      Effect.suspend(() => call("echo", { text: `look ${++answers}` })),
      ({ tools }) => tools.includes(wider)
    )
    yield* print(
      client,
      "menu changed, no listen stream",
      (yield* Clock.currentTimeMillis) - from,
      `${answers} answers`
    )
  })

  it.live("Codex, modern: learns of a changed menu with its next answers, having no listen stream", (context) =>
    Effect.gen(function*() {
      const { call, daemon } = yield* connected(modernCodex, context, {}, narrowed)
      yield* learns(modernCodex, daemon, call)
    }))

  it.live("Claude Code, modern: learns of a changed menu with its next answers, once it has given listening up", (context) =>
    Effect.gen(function*() {
      const command = yield* realAgent("claude", context)
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url, supervised: true, ...narrowed })
      const proxy = yield* listenEnder(daemon.port)
      const headers = { Authorization: "Bearer ${HOLDFAST_AGENT_SECRET}" }
      const servers = { mcpServers: { deaf: { type: "http", url: proxy.url, headers } } }
      // exec gives what it does not know its environment alone, so this is Claude's only server.
      const args = (origin: string) => [
        command,
        ...claude.scripted.args(origin),
        "--allowedTools=mcp__deaf",
        `--mcp-config=${JSON.stringify(servers)}`
      ]
      const deaf = { ...claude, scripted: { ...claude.scripted, args, named: (tool: string) => `mcp__deaf__${tool}` } }
      const { model } = yield* play(deaf, "env", daemon)
      yield* questionWith(deaf.scripted, model, "echo")
      yield* eventually("four listens", proxy.listens, (count) => count >= 4)
      yield* Effect.sleep("15 seconds")
      const listens = yield* proxy.listens
      yield* learns(deaf, daemon, (tool, input) => model.call(deaf.scripted.named(tool), input))
      yield* print(deaf, "listens before and after", 0, `${listens}, ${yield* proxy.listens}`)
    }))

  it.live.each(clients)(
    "$title: is asked at a cold start with the relay down, with the tools that Holdfast has seen",
    (client, context) =>
      Effect.gen(function*() {
        const command = yield* realAgent(client.scripted.agent, context)
        const relay = yield* TestRelay.start()
        const own = (tools: ReadonlyArray<string>) => tools.filter((tool) => /holdfast/.test(tool))

        const daemon = yield* Daemon.start({ relayUrl: relay.url, supervised: true })
        yield* eventually(
          "Holdfast has seen the tools",
          Effect.map(daemon.command("tools"), ({ stdout }) => stdout),
          (text) => text.includes("relay_send_message")
        )
        yield* relay.kill
        yield* daemon.restart()
        yield* Effect.scoped(Effect.gen(function*() {
          const from = yield* Clock.currentTimeMillis
          const { model } = yield* play(client, command, daemon)
          const first = yield* model.question
          const millis = (yield* Clock.currentTimeMillis) - from
          yield* print(client, "cold start, relay down, tools known", millis, `${own(first.tools).length} tools`)
        }))

        const fresh = yield* Daemon.start({ relayUrl: relay.url, supervised: true })
        const from = yield* Clock.currentTimeMillis
        const { model } = yield* play(client, command, fresh)
        const first = yield* model.question
        const millis = (yield* Clock.currentTimeMillis) - from
        yield* print(client, "cold start, relay down, tools unknown", millis, `${own(first.tools).length} tools`)
        // It has no stream on which it could be told, and nothing to call.
        if (client === modernCodex) return
        yield* relay.restart()
        const again = yield* Clock.currentTimeMillis
        let looks = 0
        yield* eventually(
          "the model has the tools",
          Effect.suspend(() => {
            looks++
            return model.call(...client.scripted.pause)
          }),
          ({ tools }) => tools.includes(client.scripted.named("silent"))
        )
        yield* print(
          client,
          "then the relay comes",
          (yield* Clock.currentTimeMillis) - again,
          `tools after ${looks} looks`
        )
      })
  )
})

/**
 * The real Claude Code, Codex and Gemini through outages, each as one process that `holdfast exec` started, and whose
 * model is the test: what that is told is what the agent's own MCP client made of Holdfast.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { realAgent } from "../../support/agents/realAgent.ts"
import { scratch } from "../../support/agents/scratch.ts"
import { questionWith, scriptedAgents } from "../../support/agents/scriptedAgents.ts"
import { scriptedModel } from "../../support/agents/ScriptedModel.ts"
import { Daemon } from "../../support/Daemon.ts"
import { texts } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { launch } from "../../support/Program.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

/** The sessions of agents that come and go, on the daemon's disk; without what is kept for clients that have none. */
const sessionsOf = (daemon: Daemon) =>
  Effect.sync(() => {
    const database = new DatabaseSync(join(daemon.dataDir, "holdfast.db"), { readOnly: true })
    const rows = database.prepare("SELECT id, agent FROM sessions WHERE agent <> 'default' AND id NOT LIKE 'context-%'")
      .all()
    database.close()
    return rows.map(({ agent, id }) => ({ agent: String(agent), id: String(id) }))
  })

describe("holdfast exec", () => {
  it.live.each(scriptedAgents)(
    "keeps the real $agent in one process and session while its relay dies and Holdfast crashes, its menu in step",
    (scripted, context) =>
      Effect.gen(function*() {
        const { agent, args, dialect, environment, hasSessions, named, settings } = scripted
        const command = yield* realAgent(agent, context)
        const home = yield* scratch
        if (settings !== undefined) home.write(settings[1], ...settings[0])
        const model = yield* scriptedModel(dialect)
        const [relay, docs] = yield* Effect.all([TestRelay.start(), TestRelay.start()])
        const relays = { HOLDFAST_RELAYS: JSON.stringify({ "docs.v2": { url: docs.url } }) }
        // Whoever searches tools by itself is narrowed too, so that each agent has a change of its menu to hear of.
        const env = { ...relays, HOLDFAST_MENU_NARROW: "always" }
        const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
        const line = ["exec", "--data-dir", daemon.dataDir, "--", command, ...args(model.origin)]
        const program = yield* Effect.acquireRelease(
          // Not in a worktree, to which exec would attach the agent.
          Effect.sync(() => launch(line, { ...home.environment, ...environment(model.origin) }, home.path)),
          ({ child, ended }) =>
            Effect.promise(() => {
              child.kill("SIGTERM")
              return ended
            })
        )
        const send = (text: string) => model.call(named("relay_send_message"), { to: "b", text })

        let told = yield* questionWith(scripted, model, "relay_send_message")
        const menu = told.tools
        assert.include(menu, named("relay_send_message"))
        assert.notInclude(menu, named("relay_workspace_claim"))
        const sessions = yield* sessionsOf(daemon)
        assert.strictEqual(sessions.length, hasSessions ? 2 : 0)
        assert.match(menu.join(" "), /holdfast.docs.v2\W*_*echo/)

        told = yield* send("before")
        assert.notMatch(told.results.join(), /queued/)
        assert.deepStrictEqual(yield* texts(relay), ["before"])

        yield* relay.kill
        told = yield* send("meanwhile")
        assert.match(told.results.join(), /queued.*will be delivered.*Do not repeat it/)
        assert.deepStrictEqual(told.tools, menu)

        yield* relay.restart()
        yield* eventually("the delivery", texts(relay), (all) => all.length === 2)
        told = yield* send("after")
        assert.notMatch(told.results.join(), /queued/)
        assert.deepStrictEqual(told.tools, menu)

        const { stdout: listed } = yield* daemon.command("agents", "list")
        const [, own = ""] = /^(holdfast-scratch\S*) /m.exec(listed) ?? []
        const attach = ["Attach", "--path", "/tmp", "--branch", "b", "--agent", own]
        assert.strictEqual((yield* daemon.command("context", "send", ...attach)).code, 0)
        // Gemini ends a model that asks the same again and again.
        let looks = 0
        const wider = yield* eventually(
          "the menu of a worktree",
          Effect.suspend(() => model.call(named("relay_inbox"), { after: String(looks++) })),
          ({ tools }) => tools.includes(named("relay_workspace_claim"))
        )

        yield* daemon.restart()
        told = yield* send("restarted")
        assert.deepStrictEqual(told.tools, wider.tools)
        assert.deepStrictEqual(yield* texts(relay), ["before", "meanwhile", "after", "restarted"])
        assert.deepStrictEqual(yield* sessionsOf(daemon), sessions)

        yield* model.move({ say: "done" })
        assert.deepStrictEqual(yield* Effect.promise(() => program.ended), { code: 0, signal: null })
      }),
    400_000
  )
})

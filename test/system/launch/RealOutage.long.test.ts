/**
 * The real Claude Code, Codex and Gemini through outages, each as one process that `holdfast exec` started, and whose
 * model is the test: what that is told is what the agent's own MCP client made of Holdfast.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { playedAgent } from "../../support/agents/playedAgent.ts"
import { realAgent } from "../../support/agents/realAgent.ts"
import { questionWith, scriptedAgents } from "../../support/agents/scriptedAgents.ts"
import { sessionsOf } from "../../support/agents/sessionsOf.ts"
import { Daemon } from "../../support/Daemon.ts"
import { texts } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

describe("holdfast exec", () => {
  it.live.each(scriptedAgents)(
    "keeps the real $agent in one process and session while its relay dies and Holdfast crashes, its menu in step",
    (scripted, context) =>
      Effect.gen(function*() {
        const { agent, hasSessions, named } = scripted
        const command = yield* realAgent(agent, context)
        const [relay, docs] = yield* Effect.all([TestRelay.start(), TestRelay.start()])
        const relays = { HOLDFAST_RELAYS: JSON.stringify({ "docs.v2": { url: docs.url } }) }
        // Whoever searches tools by itself is narrowed too, so that each agent has a change of its menu to hear of.
        const env = { ...relays, HOLDFAST_MENU_NARROW: "always" }
        const daemon = yield* Daemon.start({ relayUrl: relay.url, env })
        const { model, program } = yield* playedAgent(scripted, command, daemon)
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

/**
 * The real Claude Code, Codex and Gemini while their daemon crashes under its supervisor: each call that their model makes
 * right behind a crash is carried out once and answered, since their connections wait in the place of being refused.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isAlive } from "../../../src/supervision/HostProcess.ts"
import { playedAgent } from "../../support/agents/playedAgent.ts"
import { realAgent } from "../../support/agents/realAgent.ts"
import { questionWith, scriptedAgents } from "../../support/agents/scriptedAgents.ts"
import { Daemon } from "../../support/Daemon.ts"
import { texts, timed } from "../../support/drill.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

const crashes = 4

describe("holdfast exec, under the daemon's supervisor", () => {
  it.live.each(scriptedAgents)(
    "lets the real $agent call right behind each of several crashes",
    (scripted, context) =>
      Effect.gen(function*() {
        const { agent, named } = scripted
        const command = yield* realAgent(agent, context)
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url, supervised: true })
        const { model, program } = yield* playedAgent(scripted, command, daemon)
        const send = (text: string) => model.call(named("relay_send_message"), { to: "b", text })
        yield* questionWith(scripted, model, "relay_send_message")
        const sent = ["before"]
        yield* send("before")
        for (let crash = 1; crash <= crashes; crash++) {
          const pid = yield* daemon.servingPid
          process.kill(pid, "SIGKILL")
          // Its connections are reset by then; a call that is on one of them would be cut off, whoever holds the port.
          yield* eventually("the daemon is gone", Effect.sync(() => isAlive(pid)), (lives) => !lives)
          const text = `behind crash ${crash}`
          const { millis, value } = yield* timed(send(text))
          yield* Effect.logInfo(`${agent} has its answer ${Math.round(millis)} ms after crash ${crash}`)
          assert.notMatch(value.results.join(), /not connected|ECONNREFUSED|cannot be reached|failed/i)
          sent.push(text)
          assert.deepStrictEqual(yield* texts(relay), sent)
        }
        yield* model.move({ say: "done" })
        assert.deepStrictEqual(yield* Effect.promise(() => program.ended), { code: 0, signal: null })
      }),
    400_000
  )
})

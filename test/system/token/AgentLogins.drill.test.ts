/** Several logins side by side for one relay, by agent: each agent's calls go out as its own person. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { type RawAgent, rawAgent } from "../../support/RawAgent.ts"
import { type OpenIdServer, openIdServer } from "../../support/token/OpenIdServer.ts"
import { logIn } from "../../support/token/PersonAtTerminal.ts"

const NewAgent = Schema.Struct({ secret: Schema.String })
const decodeNewAgent = Schema.decodeUnknownSync(NewAgent)

const send = (agent: RawAgent, text: string) => agent.call("relay_send_message", { to: "b", text })

/** Sends until the letter arrives as that person's: a login is taken up by itself. */
const sendAs = Effect.fnUntraced(function*(server: OpenIdServer, agent: RawAgent, from: string) {
  let count = 0
  yield* eventually(
    `a letter of ${from}'s`,
    Effect.suspend(() => send(agent, `${from} ${++count}`)),
    () => server.letters.some((letter) => letter.text === `${from} ${count}` && letter.from === from)
  )
})

describe("a login of one agent", () => {
  it.live("is used for that agent's calls alone, separates its letters, and goes with it", () =>
    Effect.gen(function*() {
      const server = yield* openIdServer()
      const daemon = yield* Daemon.start({ relayUrl: server.relay.href })
      yield* logIn(daemon, "alice")
      const { secret } = decodeNewAgent((yield* daemon.admin("/api/agents", { agent: "reviewer" })).body)
      const main = yield* rawAgent(daemon)
      const reviewer = yield* rawAgent({ ...daemon, secret })
      yield* sendAs(server, main, "alice")
      yield* sendAs(server, reviewer, "alice")

      const asBob = yield* logIn(daemon, "bob", "--agent", "reviewer")
      assert.include(asBob, "Holdfast uses it for agent reviewer at relay \"default\"")
      yield* sendAs(server, reviewer, "bob")
      yield* sendAs(server, main, "alice")

      server.behaviour.away = true
      assert.include((yield* send(reviewer, "bob's own")).text, "queued")
      assert.include((yield* send(main, "alice's own")).text, "queued")
      const asCarol = yield* logIn(daemon, "carol", "--agent", "reviewer")
      assert.match(asCarol, /1 call of reviewer stays held, accepted for bob at/)
      assert.notInclude(asCarol, "of default")
      yield* daemon.restart()
      server.behaviour.away = false
      const status = yield* eventually(
        "bob's letter to be held, and alice's to be gone",
        daemon.command("status"),
        ({ stdout }) =>
          /held +1 call of reviewer, accepted for bob at \S+; do: "holdfast login --agent reviewer"/.test(stdout)
          && server.letters.some(({ text }) => text === "alice's own")
      )
      assert.notMatch(status.stdout, /held +\d+ call.* of default/)
      assert.deepInclude(server.letters, { text: "alice's own", from: "alice" })
      yield* logIn(daemon, "bob", "--agent", "reviewer")
      yield* eventually(
        "bob's letter",
        Effect.sync(() => server.letters),
        (letters) => letters.some(({ from, text }) => text === "bob's own" && from === "bob")
      )

      const file = join(daemon.dataDir, "login-default@reviewer.json")
      assert.isTrue(existsSync(file))
      assert.strictEqual((yield* daemon.command("agents", "remove", "reviewer")).code, 0)
      yield* eventually("the agent's login to go", Effect.sync(() => existsSync(file)), (there) => !there)
    }))

  it.live("would not be used where the settings name a source for the agent, and that is said", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* Daemon.run(
        ["login", "--relay", "https://relay.test/mcp", "--agent", "reviewer"],
        { HOLDFAST_TOKEN_FILE: "/x" }
      )
      assert.strictEqual(code, 2)
      assert.include(stderr, "from token.file, so a login would not be used")
    }))
})

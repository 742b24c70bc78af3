/** Whose letters go out after a login at a stock OpenID provider, whose stay, and what everybody is told of it. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { type RawAgent, rawAgent } from "../../support/RawAgent.ts"
import { type OpenIdServer, openIdServer } from "../../support/token/OpenIdServer.ts"
import { logIn } from "../../support/token/PersonAtTerminal.ts"

const arrived = (server: OpenIdServer, ...letters: ReadonlyArray<{ readonly text: string; readonly from: string }>) =>
  eventually(
    `the letters ${JSON.stringify(letters)}`,
    Effect.sync(() => server.letters),
    (found) => letters.every(({ from, text }) => found.some((one) => one.text === text && one.from === from))
  )

/** A daemon at the protected relay, its agent, and alice logged in: each sentence ends so, too. */
class Stage extends Context.Service<Stage, {
  readonly server: OpenIdServer
  readonly daemon: Daemon
  /** What alice's login printed. */
  readonly said: string
  readonly send: (text: string) => ReturnType<RawAgent["call"]>
}>()("test/HeldLetters/Stage") {
  static readonly layer = Layer.effect(
    Stage,
    Effect.gen(function*() {
      const server = yield* openIdServer()
      const daemon = yield* Daemon.start({ relayUrl: server.relay.href })
      const said = yield* logIn(daemon, "alice")
      const agent = yield* rawAgent(daemon)
      const send = (text: string) => agent.call("relay_send_message", { to: "b", text })
      yield* eventually("the login to be taken up", send("first"), ({ answer }) => answer.error === undefined)
      return Stage.of({ server, daemon, said, send })
    })
  )
}

layer(Stage.layer, { excludeTestServices: true, timeout: "60 seconds" })("what was queued before a login", (it) => {
  it.effect("goes out by itself when the same person logs in again, and stays held while it is somebody else", () =>
    Effect.gen(function*() {
      const { daemon, said, send, server } = yield* Stage
      assert.include(said, `logged in as alice at ${server.origin}`)
      yield* arrived(server, { text: "first", from: "alice" })
      server.behaviour.away = true
      assert.include((yield* send("alice's own")).text, "queued")

      const asBob = yield* logIn(daemon, "bob", "--device")
      assert.match(asBob, /any machine:\s+\S+\/device\s+enter the code [A-Z]{4}-[A-Z]{4},/)
      assert.include(asBob, "logged in as bob")
      assert.include(asBob, `of default stays held, accepted for alice at ${server.origin}: log in as that person`)
      const status = yield* eventually(
        "the letter to be held",
        daemon.command("status"),
        ({ stdout }) => stdout.includes("1 held")
      )
      assert.match(
        status.stdout,
        /held +1 call of default, accepted for alice at \S+; do: "holdfast login" as that person, or "holdfast outbox retry/
      )
      server.behaviour.away = false
      yield* eventually("bob's letter to go live", send("bob's"), ({ text }) => !text.includes("queued"))
      yield* arrived(server, { text: "bob's", from: "bob" })
      assert.notInclude(JSON.stringify(server.letters), "alice's own")

      assert.strictEqual(server.clients(), 2, "one for the browser, one for the device")
      assert.include(yield* logIn(daemon, "alice"), "1 call that waited for this login goes out now")
      yield* arrived(server, { text: "alice's own", from: "alice" })
      assert.strictEqual(server.clients(), 2, "the next login is the same client")
      assert.notInclude((yield* daemon.command("status")).stdout, "held  ")
    }))

  it.effect("is named to the agent, with the command that helps, where the relay refuses the token", () =>
    Effect.gen(function*() {
      const { daemon, send, server } = yield* Stage
      server.behaviour.away = true
      assert.include((yield* send("waiting")).text, "queued")
      server.refuseOldLogins()
      server.behaviour.away = false
      yield* eventually(
        "the letter to be held",
        daemon.command("status"),
        ({ stdout }) => /held +1 call of default, held by the relay: .*\(401\); do: "holdfast login"$/m.test(stdout)
      )
      // While a held letter is tried again, it is under way for as long as that takes: for that long it is not told.
      const { request } = yield* rawAgent(daemon)
      yield* eventually(
        "the agent to be told",
        request("resources/list"),
        ({ answer }) =>
          /refused the token.*nothing was done\. A person has to log in: "holdfast login";.* one call that was queued earlier is held/
            .test(answer.error?.message ?? "")
      )
      assert.include(yield* logIn(daemon, "alice"), "1 call that waited for this login goes out now")
      yield* arrived(server, { text: "waiting", from: "alice" })
    }))
})

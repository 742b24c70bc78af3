/** `holdfast top` in a real terminal: what a person sees, and what their keys do. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { launch } from "../../support/Program.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import * as Answer from "../../support/relay/Answer.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"
import { hasTmux, inTmux } from "../../support/tmux.ts"

describe("holdfast top", () => {
  it.live.skipIf(!hasTmux)(
    "says in 80 columns whether the relay is up, what waits and what needs somebody, and sends a dead letter again",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const client = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        const pane = yield* inTmux(["top", "--data-dir", daemon.dataDir])
        const sees = (what: string, pattern: RegExp) => eventually(what, pane.screen, (screen) => pattern.test(screen))

        const calm = yield* sees("a relay that is up", /relay up · nothing needs you/)
        assert.match(calm, /> default +UP for \d+ s +not away today +nothing waits/)
        for (const line of calm.split("\n")) assert.isAtMost([...line].length, 80, line)

        yield* relay.kill
        yield* client.call("relay_send_message", { to: "b", text: "doomed" })
        const outage = yield* sees("the outage and the call that waits", /1 call waits/)
        assert.match(outage, /RELAY DOWN/)
        assert.match(outage, /default +DOWN for \d+ s +away \d+ s today +1 call waits, oldest \d+ s/)
        assert.match(outage, /! The relay is away/)
        assert.match(outage, /pending +default +relay_send_message/)

        yield* relay.restart()
        yield* relay.control.answerNext(1, Answer.rpcError(-32602, "no such agent"), { tool: "relay_send_message" })
        const dead = yield* sees("the dead letter", /1 thing needs you[\s\S]*dead +default/)
        assert.match(dead, /1 letter could not be delivered/)
        yield* sees("how long it was away", /UP for \d+ s +away \d+ s today/)
        assert.match(dead, /no such agent/)

        yield* pane.press("Tab", "r")
        yield* sees("the question", /send letter \d+ again\? y \/ n/)
        yield* pane.press("n")
        yield* sees("that nothing was sent", /nothing was sent/)
        assert.deepStrictEqual((yield* relay.ledger).length, 0)
        yield* pane.press("R")
        yield* sees("the question", /again\? y \/ n/)
        yield* pane.press("y")
        yield* sees("that nothing needs anybody", /nothing needs you/)
        yield* eventually("the letter at the relay", relay.ledger, (ledger) => ledger.length === 1)

        yield* pane.resize(50, 12)
        const small = yield* sees("the smaller screen", /q quit|tab, arrows/)
        for (const line of small.split("\n")) assert.isAtMost([...line].length, 50, line)
        yield* daemon.kill
        yield* sees("that the daemon is gone", /as it was: no Holdfast/)
        yield* daemon.restart()
        yield* eventually("the daemon again", pane.screen, (screen) => !screen.includes("as it was"))
        yield* pane.press("q")
        const left = yield* sees("the end", /ended with 0/)
        assert.match(left, /^before/)
        assert.notMatch(left, /RELAYS/)
      })
  )

  it.live("prints a line for what changed where there is no screen", () =>
    Effect.gen(function*() {
      const relay = yield* TestRelay.start()
      const daemon = yield* Daemon.start({ relayUrl: relay.url })
      const program = yield* Effect.acquireRelease(
        Effect.sync(() => launch(["status", "--watch", "--data-dir", daemon.dataDir])),
        ({ child, ended }) => Effect.promise(() => (child.kill("SIGKILL"), ended))
      )
      const prints = (what: string, pattern: RegExp) =>
        eventually(what, Effect.sync(() => program.stdout), (text) => pattern.test(text))
      yield* prints("the first line", /^\S+Z default is up; nothing waits\n$/)
      yield* relay.kill
      // A relay that nobody asks anything is not missed.
      const client = yield* rawAgent(daemon)
      yield* client.call("relay_send_message", { to: "b", text: "waits" })
      const all = yield* prints("the outage", /default is down: .*; 1 wait/)
      assert.isAtMost(all.trim().split("\n").length, 4)
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(all, /\u001b/)
    }))

  it.live("without a daemon says so and ends with 3", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* Daemon.run(["top", "--data-dir", "/nonexistent-holdfast"])
      assert.strictEqual(code, 3)
      assert.include(stderr, "no Holdfast daemon")
    }))
})

/** `holdfast logs --set-level`: what a running daemon logs from then on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Clients } from "../../support/Clients.ts"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { TestRelay } from "../../support/relay/TestRelay.ts"

describe("the log level of a running daemon", () => {
  it.live(
    "is changed for the very next call, in both directions, and only with the admin secret",
    () =>
      Effect.gen(function*() {
        const relay = yield* TestRelay.start()
        const daemon = yield* Daemon.start({ relayUrl: relay.url })
        const agent = yield* Clients.sdk(daemon.url, { secret: daemon.secret })
        const counted = (word: string) =>
          Effect.map(daemon.stderr, (text) => text.split("\n").filter((line) => line.includes(word)).length)
        // Each change is a line as well: once that is there, so is all that came before it.
        const set = Effect.fnUntraced(function*(level: string, changes: number) {
          const { code, stderr, stdout } = yield* daemon.command("logs", "--set-level", level)
          assert.strictEqual(code, 0, stderr)
          assert.include(stdout, level)
          yield* eventually("the change is logged", counted("The log level changes"), (count) => count === changes)
        })

        yield* agent.tools
        assert.deepStrictEqual((yield* daemon.admin("/api/log-level")).body, { level: "info" })
        yield* set("debug", 1)
        assert.strictEqual(yield* counted("tools/list"), 0)
        yield* agent.tools
        yield* set("error", 2)
        assert.strictEqual(yield* counted("tools/list"), 1)
        yield* agent.tools
        yield* set("info", 3)
        assert.strictEqual(yield* counted("tools/list"), 1)

        assert.strictEqual((yield* daemon.command("logs", "--set-level", "loud")).code, 2)
        const refused = yield* Effect.promise(() =>
          fetch(new URL("/api/log-level", daemon.url), {
            method: "PUT",
            headers: { authorization: `Bearer ${daemon.secret}`, "content-type": "application/json" },
            body: "{\"level\":\"debug\"}"
          })
        )
        assert.strictEqual(refused.status, 401)
        yield* daemon.terminate
        assert.strictEqual((yield* daemon.command("logs", "--set-level", "debug")).code, 3)
      }),
    120_000
  )
})

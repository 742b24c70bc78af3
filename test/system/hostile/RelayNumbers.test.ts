import { assert, describe, it } from "@effect/vitest"
import { Effect, Predicate } from "effect"
import { Daemon } from "../../support/Daemon.ts"
import { eventually } from "../../support/eventually.ts"
import { rawAgent } from "../../support/RawAgent.ts"
import { json } from "../../support/relay/ScriptedRelay.ts"
import { hostileRelay } from "./HostileRelay.ts"

const hour = 60 * 60 * 1000

interface Listed {
  readonly lastError: string | null
  readonly visibleAt: string
}

const isListed = (value: unknown): value is { readonly entries: ReadonlyArray<Listed> } =>
  Predicate.hasProperty(value, "entries") && Array.isArray(value.entries)

describe.concurrent("numbers that a relay or a mint names", () => {
  it.live("a Retry-After of any length holds a lane for an hour at most, and no worker and no listing", () =>
    Effect.gen(function*() {
      const asked = ["99999999999999999999", "10000000000000", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"]
      let refusing = true
      let turn = 0
      const relay = yield* hostileRelay({
        evil: ({ id }, response) => {
          if (!refusing) return json(response, 200, { jsonrpc: "2.0", id: JSON.parse(id), result: { content: [] } })
          response.writeHead(429, { "retry-after": asked[turn++ % asked.length] ?? "1" }).end()
        }
      })
      const daemon = yield* Daemon.start({
        relayUrl: relay.url.href,
        env: { HOLDFAST_OUTBOX_LANE: "to", HOLDFAST_OUTBOX_BUFFERABLE: "relay_send_message" }
      })
      const agent = yield* rawAgent(daemon)
      for (let lane = 0; lane < 10; lane++) {
        const { answer } = yield* agent.call("relay_send_message", { to: `lane ${lane}`, text: "x" })
        assert.isDefined(answer.result, JSON.stringify(answer))
      }
      yield* eventually(
        "each lane to have been refused",
        daemon.admin("/api/outbox"),
        ({ body, status }) =>
          status === 200 && isListed(body) && body.entries.length === 10
          && body.entries.every(({ lastError }) => lastError !== null)
      )
      const { body } = yield* daemon.admin("/api/outbox")
      assert.isTrue(isListed(body))
      const until = isListed(body) ? body.entries.map(({ visibleAt }) => Date.parse(visibleAt)) : []
      for (const at of until) assert.isAtMost(at, Date.now() + hour)
      refusing = false
      // Another lane is free.
      const free = yield* agent.call("relay_send_message", { to: "another", text: "now" })
      assert.deepStrictEqual(free.answer.result, { content: [] })
      const listed = yield* daemon.command("outbox", "list")
      assert.strictEqual(listed.code, 0, listed.stderr)
    }))

  it.live("an expiry beyond all calendars is the year 9999, and breaks neither status nor token show", () =>
    Effect.gen(function*() {
      const relay = yield* hostileRelay()
      for (const expiresAt of ["1e300", "\"9223372036854775807\""]) {
        const daemon = yield* Daemon.start({
          relayUrl: relay.url.href,
          env: { HOLDFAST_TOKEN_COMMAND: `printf '{"token":"t","expiresAt":${expiresAt}}'` }
        })
        yield* rawAgent(daemon)
        for (const command of [["status"], ["status", "--json"], ["token", "show"], ["token", "show", "--json"]]) {
          const shown = yield* daemon.command(...command)
          assert.strictEqual(shown.code, 0, `${command.join(" ")} at ${expiresAt}: ${shown.stderr}${shown.stdout}`)
        }
        yield* daemon.kill
      }
    }))
})

import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Schema } from "effect"
import { attentionOf } from "../../../../src/admin/Attention.ts"
import { StatusView } from "../../../../src/admin/StatusView.ts"
import { plainLines } from "../../../../src/cli/top/frame.ts"
import { needs } from "../../../../src/cli/top/Overview.ts"

const at = "2026-01-01T00:00:00.000Z"
const outbox = { pending: 0, inflight: 0, held: 0, dead: 0, delivered: 0, bytes: 0, oldestAt: null, writable: true }
const token = {
  relay: "work",
  agent: "default",
  source: "login",
  state: "rejected" as const,
  proven: false,
  principal: "p1",
  expiresAt: null,
  refreshes: 1,
  lastRefreshAt: null,
  nextRefreshAt: null,
  lastError: { code: "refused", hint: "the relay refuses the token", status: 401, attempt: 1 }
}

const troubled: typeof StatusView.Encoded = {
  daemon: {
    version: "1",
    pid: 1,
    startedAt: at,
    url: "http://127.0.0.1:1/mcp",
    portHeldBy: "nobody",
    supervisor: null
  },
  agents: ["default"],
  relays: [
    {
      id: "default",
      url: "http://relay.test/mcp",
      link: { state: "down", since: at, attempts: 3, nextProbeAt: "2026-01-01T00:00:07.000Z", why: "refused" },
      tokens: [],
      held: [],
      outbox: { ...outbox, dead: 2, writable: false },
      pinnedTools: { approved: 1, changed: 1, new: 2 },
      sessions: { count: 0, streams: 0 }
    },
    {
      id: "work",
      url: "http://relay.test/mcp",
      link: { state: "up", since: at },
      tokens: [token],
      held: [{ agent: "default", principal: "p1", reason: "the token is refused", count: 3 }],
      outbox,
      pinnedTools: null,
      sessions: { count: 0, streams: 0 }
    }
  ],
  credentials: [{
    name: "github",
    hosts: ["github.com"],
    source: "command",
    state: "failing",
    expiresAt: null,
    lastAskAt: at,
    nextAskAt: at,
    lastError: { code: "exit 1", hint: "vault is sealed", status: null, attempt: 2 }
  }],
  fibers: [{
    name: "probe",
    state: "restarting",
    restarts: 1,
    startedAt: at,
    lastFailure: { at, cause: "boom" }
  }]
}

describe("what needs a person", () => {
  it.effect("is the same list in a terminal as on the dashboard, each with its way out", () =>
    Effect.gen(function*() {
      const status = yield* Schema.decodeEffect(Schema.toCodecJson(StatusView))(troubled)
      const overview = {
        now: DateTime.makeUnsafe(at),
        status,
        letters: [],
        agents: [],
        away: new Map(),
        draining: new Map()
      }
      const shown = needs(overview)
      const page = attentionOf(troubled, [])
      assert.deepStrictEqual(shown.map(({ about }) => about), page.map(({ about }) => about.is))
      assert.deepStrictEqual(page.map(({ about }) => about.is), [
        "disk",
        "token",
        "held",
        "dead",
        "tools",
        "credential",
        "link",
        "fiber"
      ])
      for (const [index, { title }] of page.entries()) assert.include(shown[index]?.what, title)
      const remedies = new Map(shown.map(({ about, remedy }) => [about, remedy]))
      assert.include(remedies.get("disk"), "free space")
      assert.include(remedies.get("token"), "holdfast login --relay work")
      assert.include(remedies.get("held"), "holdfast login --relay work")
      assert.include(remedies.get("dead"), "holdfast outbox discard")
      assert.include(remedies.get("tools"), "holdfast tools diff")
      assert.include(remedies.get("credential"), "holdfast doctor")
      assert.strictEqual(remedies.get("link"), "tried again by itself in 7 s")
      assert.isFalse(shown.some(({ remedy, what }) => remedy === "" || what === ""))
      // The link has a line of its own there.
      assert.isFalse(plainLines(overview).some((line) => /needs you: .*is away/.test(line)))
    }))
})

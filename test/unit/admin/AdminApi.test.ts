import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import { HttpApiMiddleware, HttpApiTest } from "effect/http-api"
import { AdminAccess, AdminApi } from "../../../src/admin/AdminApi.ts"
import { groups } from "../../../src/admin/AdminRoutes.ts"
import { accessLayer, Admission } from "../../../src/admin/Admission.ts"
import { AgentRoster } from "../../../src/admin/AgentRoster.ts"
import { Samples } from "../../../src/admin/Samples.ts"
import { StatusView } from "../../../src/admin/StatusView.ts"
import { AgentName, defaultAgent, RelayId } from "../../../src/domain/Ids.ts"
import type { Entry } from "../../../src/outbox/Entry.ts"
import { doubles, entry, secret } from "../../support/adminDoubles.ts"

const second = AgentName.make("second")

const bearing = (given: Redacted.Redacted) =>
  HttpApiMiddleware.layerClient(AdminAccess, ({ next, request }) => next(HttpClientRequest.bearerToken(request, given)))

const over = (entries: ReadonlyArray<Entry> = [], given = secret) => {
  const base = doubles(entries)
  return Layer.mergeAll(
    groups.pipe(
      Layer.provide([AgentRoster.layerNoDeps, Samples.layerNoDeps]),
      Layer.provideMerge(Layer.provide(accessLayer, Admission.layerNoDeps)),
      Layer.provideMerge(base)
    ),
    bearing(given)
  )
}

const client = HttpApiTest.groups(AdminApi, ["status", "outbox", "context", "tools", "token", "observation", "inbox"])

describe("the admin API", () => {
  it.effect("tells daemon, link, tokens, queue, sessions and fibers", () =>
    Effect.gen(function*() {
      const api = yield* client
      const status = yield* Schema.encodeEffect(Schema.toCodecJson(StatusView))(yield* api.status())
      assert.deepStrictEqual(status, {
        daemon: {
          version: "1.2.3",
          pid: 42,
          startedAt: "1970-01-01T00:00:00.000Z",
          url: "http://127.0.0.1:4851/mcp",
          portHeldBy: "nobody",
          supervisor: null
        },
        agents: ["default", "second"],
        relays: [{
          id: "default",
          url: "http://relay.test/mcp",
          link: {
            state: "down",
            since: "1970-01-01T00:00:00.000Z",
            attempts: 3,
            nextProbeAt: "1970-01-01T00:00:02.000Z",
            why: "refused"
          },
          tokens: ["default", "second"].map((agent) => ({
            relay: "default",
            agent,
            source: "file",
            state: "valid",
            proven: true,
            principal: "p1",
            expiresAt: "1970-01-01T00:01:00.000Z",
            refreshes: 2,
            lastRefreshAt: "1970-01-01T00:00:00.000Z",
            nextRefreshAt: null,
            lastError: null
          })),
          held: [],
          outbox: {
            pending: 0,
            inflight: 0,
            held: 0,
            dead: 0,
            delivered: 0,
            bytes: 10,
            oldestAt: "1970-01-01T00:00:01.000Z",
            writable: true
          },
          pinnedTools: null,
          sessions: { count: 2, streams: 1 }
        }],
        credentials: [{
          name: "github",
          hosts: ["github.com"],
          source: "command",
          state: "failing",
          expiresAt: null,
          lastAskAt: "1970-01-01T00:00:00.000Z",
          nextAskAt: "1970-01-01T00:00:30.000Z",
          lastError: { code: "exit 1", hint: "vault is sealed", status: null, attempt: 2 }
        }],
        fibers: [{
          name: "probe",
          state: "running",
          restarts: 1,
          startedAt: "1970-01-01T00:00:00.000Z",
          lastFailure: { at: "1970-01-01T00:00:01.500Z", cause: "boom" }
        }]
      })
    }).pipe(Effect.provide(over())))

  it.effect("refuses a wrong secret, and says where the right one is", () =>
    Effect.gen(function*() {
      const api = yield* client
      const error = yield* Effect.flip(api.status())
      assert.strictEqual(error._tag, "Unauthorized")
      assert.include(error.message, "admin-secret")
    }).pipe(Effect.provide(over([], Redacted.make("the-admin-secreT")))))

  it.effect("lists a page at a time, and says where the next one begins", () =>
    Effect.gen(function*() {
      const api = yield* client
      const first = yield* api.outbox.list({ query: { limit: 2 } })
      assert.deepStrictEqual(first.entries.map(({ id }) => id), [1, 2])
      assert.strictEqual(first.next, 2)
      const last = yield* api.outbox.list({ query: { limit: 2, after: 2 } })
      assert.deepStrictEqual(last.entries.map(({ id }) => id), [3])
      assert.isNull(last.next)
    }).pipe(Effect.provide(over([entry(1, {}), entry(2, {}), entry(3, {})]))))

  it.effect("shows what is sent only for one entry, and knows which entries there are not", () =>
    Effect.gen(function*() {
      const api = yield* client
      assert.strictEqual((yield* api.outbox.show({ params: { id: 1 } })).request, entry(1, {}).request)
      const error = yield* Effect.flip(api.outbox.show({ params: { id: 9 } }))
      assert.strictEqual(error._tag, "NotFound")
      assert.notProperty((yield* api.outbox.list({ query: {} })).entries[0], "request")
    }).pipe(Effect.provide(over([entry(1, {})]))))

  it.effect("takes a message for an agent, lists it without its text, and gives that to who reads it", () =>
    Effect.gen(function*() {
      const api = yield* client
      const hello = { agent: defaultAgent, from: "a person", body: "hello" }
      assert.isFalse((yield* api.inbox.send({ payload: hello })).isDouble)
      const full = yield* Effect.flip(api.inbox.send({ payload: { ...hello, body: "too much" } }))
      assert.strictEqual(full._tag, "Conflict")
      const nobody = yield* Effect.flip(api.inbox.send({ payload: { ...hello, agent: AgentName.make("nobody") } }))
      assert.strictEqual(nobody._tag, "NotFound")
      const { messages, next } = yield* api.inbox.list({ query: { agent: defaultAgent, unread: "true" } })
      assert.deepStrictEqual(messages.map(({ id }) => id), ["m-1"])
      assert.notProperty(messages[0], "body")
      assert.isNull(next)
      assert.strictEqual((yield* api.inbox.read({ payload: { id: "m-1" } })).body, "hello")
      assert.include((yield* Effect.flip(api.inbox.read({ payload: { id: "m-9" } }))).message, "holdfast inbox list")
    }).pipe(Effect.provide(over())))

  it.effect("retries the ids that are dead or held, or all of them, over more than one page", () =>
    Effect.gen(function*() {
      const api = yield* client
      assert.deepStrictEqual(yield* api.outbox.retry({ payload: { ids: [1, 2] } }), { ids: [2] })
      const all = yield* api.outbox.retry({ payload: { all: true } })
      assert.strictEqual(all.ids.length, 1_201)
      const held = yield* api.outbox.retry({ payload: { all: true, agent: second, state: "held" } })
      assert.deepStrictEqual(held, { ids: [5_000] })
    }).pipe(Effect.provide(over([
      entry(1, {}),
      ...Array.from({ length: 1_200 }, (_, index) => entry(index + 2, { state: "dead" })),
      entry(5_000, { state: "held", agent: second })
    ]))))

  it.effect("discards what is not in flight or delivered", () =>
    Effect.gen(function*() {
      const api = yield* client
      const done = yield* api.outbox.discard({ payload: { all: true, reason: "tidied" } })
      assert.deepStrictEqual(done, { ids: [1, 3] })
    }).pipe(Effect.provide(over([entry(1, {}), entry(2, { state: "inflight" }), entry(3, { state: "dead" })]))))

  it.effect("moves a context, and says what an illegal event met", () =>
    Effect.gen(function*() {
      const api = yield* client
      const refused = yield* Effect.flip(api.context.send({ payload: { agent: defaultAgent, event: "Merge" } }))
      assert.strictEqual(refused._tag, "Conflict")
      assert.include(refused.message, "Attach, Detach")
      const moved = yield* api.context.send({
        payload: { agent: defaultAgent, event: "Attach", path: "/tmp", branch: "b" }
      })
      assert.deepStrictEqual(moved.facts, ["isolatedWorktree"])
      assert.deepStrictEqual((yield* api.context.show({ query: { agent: defaultAgent } })).state, moved.state)
    }).pipe(Effect.provide(over())))

  it.effect("refuses Attach without a place, and a place without Attach", () =>
    Effect.gen(function*() {
      const api = yield* client
      const attach = yield* Effect.flip(
        api.context.send({ payload: { agent: defaultAgent, event: "Attach", path: "/tmp" } })
      )
      assert.strictEqual(attach.message, "Attach needs a path and a branch")
      const merge = yield* Effect.flip(
        api.context.send({ payload: { agent: defaultAgent, event: "Merge", path: "/tmp" } })
      )
      assert.strictEqual(merge._tag, "BadRequest")
    }).pipe(Effect.provide(over())))

  it.effect("refuses Attach to a place that is not there, to a file, and to a relative path; the context stays", () =>
    Effect.gen(function*() {
      const api = yield* client
      const attach = (path: string) =>
        Effect.flip(api.context.send({ payload: { agent: defaultAgent, event: "Attach", path, branch: "b" } }))
      for (
        const [path, why] of [
          ["/tmp/holdfast-nowhere", "is not there"],
          ["/etc/hostname", "is no directory"],
          ["src", "an absolute path"]
        ] as const
      ) {
        const refused = yield* attach(path)
        assert.strictEqual(refused._tag, "BadRequest")
        assert.include(refused.message, why)
      }
      assert.strictEqual((yield* api.context.show({ query: { agent: defaultAgent } })).state._tag, "Shared")
    }).pipe(Effect.provide(over())))

  it.effect("names the rule that hides a tool, and stops hiding it when the fact holds", () =>
    Effect.gen(function*() {
      const api = yield* client
      const [shared] = yield* api.tools.show({ query: { agent: defaultAgent } })
      const rule = { needs: "isolatedWorktree", reason: "they act on a worktree of the agent's own" }
      assert.deepStrictEqual(shared?.tools.map(({ name, visible }) => [name, visible]), [
        ["relay_reply", true],
        ["relay_workspace_land", false]
      ])
      assert.isNull(shared?.tools[0]?.hiddenBy)
      assert.deepInclude(shared?.tools[1]?.hiddenBy, rule)
      yield* api.context.send({ payload: { agent: defaultAgent, event: "Attach", path: "/tmp", branch: "b" } })
      const [attached] = yield* api.tools.show({ query: { agent: defaultAgent } })
      assert.deepStrictEqual(attached?.tools.map(({ hiddenBy, visible }) => [visible, hiddenBy]), [
        [true, null],
        [true, null]
      ])
    }).pipe(Effect.provide(over())))

  it.effect("says of each tool whether its calls are queued, and why", () =>
    Effect.gen(function*() {
      const api = yield* client
      const [view] = yield* api.tools.show({ query: { agent: defaultAgent } })
      assert.deepStrictEqual(view?.bufferable, ["relay_send_message", "relay_reply", "relay_workspace_ready"])
      assert.deepStrictEqual(view?.tools.map(({ name, note, queued, why }) => ({ name, note, queued, why })), [
        {
          name: "relay_reply",
          note: "queued: outbox.bufferable names relay_reply; never sent twice",
          queued: true,
          why: "named"
        },
        {
          name: "relay_workspace_land",
          note: "not queued: not in outbox.bufferable",
          queued: false,
          why: "not named"
        }
      ])
    }).pipe(Effect.provide(over())))

  it.effect("shows and refreshes a token without telling it", () =>
    Effect.gen(function*() {
      const api = yield* client
      assert.strictEqual((yield* api.token.show({ query: { agent: defaultAgent } }))[0]?.refreshes, 2)
      assert.strictEqual((yield* api.token.refresh({ payload: { agent: defaultAgent } }))[0]?.refreshes, 3)
    }).pipe(Effect.provide(over())))

  it.effect("tells the longest lanes first, and when the head of one is tried again", () =>
    Effect.gen(function*() {
      const { count, lanes } = yield* (yield* client).observation.lanes({ query: {} })
      assert.strictEqual(count, 3)
      assert.deepStrictEqual(lanes.map(({ backlog, busy, lane, nextAt }) => [lane, backlog, busy, nextAt === null]), [
        ["default/general", 7, true, true],
        ["default", 2, false, false],
        ["second", 1, false, true]
      ])
    }).pipe(Effect.provide(over())))

  it.effect("tells sessions with the beginning of their ids alone, of all agents or of one", () =>
    Effect.gen(function*() {
      const api = yield* client
      const [session] = yield* api.observation.sessions({ query: {} })
      assert.deepInclude(session, { session: "5f0c7b9e", client: "claude-code", protocol: "2025-11-25" })
      assert.deepStrictEqual(yield* api.observation.sessions({ query: { agent: AgentName.make("second") } }), [])
    }).pipe(Effect.provide(over())))

  it.effect("says which agents and relays there are where one is named that isn't", () =>
    Effect.gen(function*() {
      const api = yield* client
      const agent = yield* Effect.flip(api.token.show({ query: { agent: AgentName.make("nobody") } }))
      assert.strictEqual(agent.message, "no agent is called \"nobody\"; there is default, second")
      const relay = yield* Effect.flip(api.outbox.list({ query: { relay: RelayId.make("nowhere") } }))
      assert.strictEqual(relay.message, "no relay is called \"nowhere\"; there is default")
    }).pipe(Effect.provide(over())))
})

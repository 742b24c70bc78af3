/** An admin API over doubles: one relay, two agents, an outbox that is an array. */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Option, Redacted, Stream } from "effect"
import { AdminSecret } from "../../src/admin/AdminSecret.ts"
import { BrowserSessions } from "../../src/admin/BrowserSessions.ts"
import { Daemon } from "../../src/admin/Daemon.ts"
import { AgentExists, Agents } from "../../src/agents/Agents.ts"
import { Settings, settingsFrom } from "../../src/config/Settings.ts"
import type { ContextState } from "../../src/context/ContextState.ts"
import { IllegalTransition, WorkspaceContexts } from "../../src/context/WorkspaceContexts.ts"
import { Credentials, NotOurs } from "../../src/credentials/Credentials.ts"
import { CredentialUnavailable } from "../../src/credentials/CredentialSources.ts"
import { AgentName, defaultAgent, PrincipalId, SessionId } from "../../src/domain/Ids.ts"
import { Inbox } from "../../src/inbox/Inbox.ts"
import { type InboxMessage, InboxRefused } from "../../src/inbox/InboxMessage.ts"
import { Journal } from "../../src/journal/Journal.ts"
import { CannotReload, RelayRegistry } from "../../src/mcp/RelayRegistry.ts"
import type { Entry } from "../../src/outbox/Entry.ts"
import { LinkState } from "../../src/relay/link/RelayLink.ts"
import type { KeptResult } from "../../src/results/KeptResult.ts"
import { Supervisor } from "../../src/supervision/Supervisor.ts"
import type { TokenStatus } from "../../src/token/LiveToken.ts"
import { scriptedRelay } from "./scriptedRelay.ts"

export const secret = Redacted.make("the-admin-secret")
const principal = PrincipalId.make("p1")

export const entry = (id: number, change: Partial<Entry>): Entry => ({
  id,
  seq: id,
  agent: defaultAgent,
  lane: "default",
  tool: "relay_send_message",
  key: `key-${id}`,
  state: "pending",
  request: `{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`,
  bytes: 10,
  principal,
  destination: "http://relay.test/mcp",
  onUnknown: "resend",
  epoch: Option.none(),
  occurredAt: 1_000 * id,
  attempts: 0,
  visibleAt: 1_000 * id,
  reason: Option.none(),
  lastError: Option.none(),
  result: Option.none(),
  settledAt: Option.none(),
  ...change
})

const token: TokenStatus = {
  source: "file",
  state: "valid",
  proven: true,
  principal,
  expiresAt: Option.some(60_000),
  refreshes: 2,
  lastRefreshAt: Option.some(0),
  nextRefreshAt: Option.none(),
  lastError: Option.none()
}

const answered: KeptResult = {
  id: 3,
  agent: defaultAgent,
  tool: "deploy",
  state: "answered",
  calledAt: 1_000,
  endedAt: Option.some(2_000),
  toldAt: Option.none(),
  bytes: 40,
  response: Option.some(`{"jsonrpc":"2.0","id":null,"result":{"content":[]}}`)
}
const kept = [answered]
const findKept = (id: number) => Option.fromUndefinedOr(kept.find((one) => one.id === id))

const registry = (entries: Array<Entry>) =>
  Layer.effect(
    RelayRegistry,
    Effect.gen(function*() {
      let { refreshes } = token
      const relay = yield* scriptedRelay({
        url: new URL("http://user:password@relay.test/mcp?token=t0ken"),
        link: {
          state: Effect.succeed(LinkState.Down({ since: 0, attempts: 3, nextProbeAt: 2_000, why: "refused" }))
        },
        token: {
          status: () => Effect.sync(() => ({ ...token, refreshes })),
          refresh: () => Effect.sync(() => ({ ...token, refreshes: ++refreshes })),
          principal: () => Effect.succeed(principal)
        },
        cachedLists: {
          find: () =>
            Effect.succeedSome({
              fetchedAt: 5_000,
              result: "{\"tools\":[{\"name\":\"relay_reply\"},{\"name\":\"relay_workspace_land\"}],\"nextCursor\":null}"
            })
        },
        outbox: {
          list: ({ state, agent, limit = 100, after = 0 }) =>
            Effect.sync(() =>
              entries.filter((each) =>
                (state === undefined || each.state === state) && (agent === undefined || each.agent === agent)
                && each.id > after
              ).slice(0, limit)
            ),
          find: (id) => Effect.sync(() => Option.fromUndefinedOr(entries.find((each) => each.id === id))),
          retry: (ids) =>
            Effect.sync(() =>
              entries.filter((each) => ids.includes(each.id) && (each.state === "dead" || each.state === "held"))
                .map((each) => each.id)
            ),
          undelivered: () => Effect.sync(() => entries.length),
          lanes: Effect.succeed([
            { lane: "default", agent: defaultAgent, backlog: 2, busy: false, notBefore: 9_000 },
            { lane: "default/general", agent: defaultAgent, backlog: 7, busy: true, notBefore: 0 },
            { lane: "second", agent: AgentName.make("second"), backlog: 1, busy: false, notBefore: Infinity }
          ]),
          forget: () => Effect.void,
          discard: (ids) => Effect.sync(() => entries.filter((each) => ids.includes(each.id)).map((each) => each.id)),
          stats: Effect.sync(() => ({
            pending: entries.length,
            inflight: 0,
            held: 0,
            dead: 0,
            delivered: 0,
            bytes: 10,
            oldestAt: Option.some(1_000.75),
            writable: true
          }))
        },
        results: {
          list: () => Effect.succeed(kept),
          find: (id) => Effect.succeed(findKept(id)),
          forget: () => Effect.void
        },
        sessions: {
          totals: Effect.succeed({ count: 2, streams: 1 }),
          recent: () =>
            Effect.succeed([{
              id: SessionId.make("5f0c7b9e-whole-it-is-a-secret"),
              agent: defaultAgent,
              client: "claude-code",
              clientVersion: "2.0",
              protocol: "2025-11-25",
              openedAt: 1_000,
              usedAt: 2_000,
              streams: 1
            }]),
          countOf: () => Effect.succeed(1),
          endAll: () => Effect.void
        }
      })
      return RelayRegistry.of({
        list: Effect.succeed([relay]),
        find: () => relay,
        reload: Effect.fail(new CannotReload({ detail: "relays.docs.url is no URL" }))
      })
    })
  )

const contexts = Layer.sync(WorkspaceContexts, () => {
  let state: ContextState = { _tag: "Shared" }
  return WorkspaceContexts.of({
    get: () => Effect.sync(() => state),
    facts: () => Effect.sync(() => new Set(state._tag === "Worktree" ? ["isolatedWorktree"] : [])),
    send: (_, event) =>
      event._tag === "Attach"
        ? Effect.sync(() => {
          state = { _tag: "Worktree", path: event.path, branch: event.branch, epoch: 1, phase: "Active" }
          return state
        })
        : Effect.fail(new IllegalTransition({ state: "Shared", event: event._tag, legal: ["Attach", "Detach"] })),
    history: () => Effect.succeed([]),
    forget: () => Effect.void,
    forgetDeliveries: () => Effect.void,
    open: Effect.succeed([]),
    setFact: () => Effect.void,
    changes: Stream.never
  })
})

const credentials = Layer.mock(Credentials, {
  get: ({ host, protocol }) =>
    host === "github.com"
      ? Effect.succeed({
        name: "github",
        username: "x-access-token",
        password: Redacted.make("ghs_1"),
        expiresAt: Option.some(60_000)
      })
      : Effect.fail(new NotOurs({ place: `${protocol}://${host}`, why: "no credential is configured for it" })),
  erase: () => Effect.void,
  status: Effect.succeed([{
    name: "github",
    hosts: ["github.com"],
    source: "command",
    state: "failing" as const,
    expiresAt: Option.none(),
    lastAskAt: Option.some(0),
    attempt: 2,
    nextAskAt: Option.some(30_000),
    lastError: Option.some(
      new CredentialUnavailable({ name: "github", code: "exit 1", hint: "vault is sealed", retryable: true })
    )
  }])
})

const message: InboxMessage = {
  seq: 4,
  id: "m-1",
  agent: defaultAgent,
  from: "a person",
  body: Option.some("hello"),
  bytes: 5,
  at: 1_000,
  toldAt: Option.none(),
  readAt: Option.none()
}

const inbox = Layer.mock(Inbox, {
  hasNews: () => false,
  receive: ({ body }) =>
    body === "too much"
      ? Effect.fail(new InboxRefused({ reason: "full", message: "the inbox is full" }))
      : Effect.succeed({ message, isDouble: false }),
  list: () => Effect.succeed([message]),
  read: (id) => Effect.succeed(id === "m-1" ? Option.some(message) : Option.none()),
  forget: () => Effect.void
})

/** All that the admin API stands on. */
export const doubles = (entries: ReadonlyArray<Entry> = []) =>
  Layer.mergeAll(
    registry([...entries]),
    contexts,
    AdminSecret.layerOf(secret),
    BrowserSessions.layerMemory,
    Layer.succeed(Settings, settingsFrom({})),
    credentials,
    inbox,
    Layer.mock(Journal, { append: () => {} }),
    Layer.succeed(Daemon, { version: "1.2.3", pid: 42, startedAt: 0, url: "http://127.0.0.1:4851/mcp" }),
    Layer.mock(Agents, {
      authenticate: () => undefined,
      list: Effect.succeed([defaultAgent, AgentName.make("second")]),
      leaving: Effect.succeed([]),
      leases: Effect.succeed([]),
      add: (name) =>
        name === "second"
          ? Effect.fail(new AgentExists({ name, present: name }))
          : Effect.succeed(Redacted.make("s3cret")),
      remove: () => Effect.void
    }),
    Layer.mock(Supervisor, {
      supervise: () => () => Effect.void,
      fibers: Effect.succeed([
        {
          name: "probe",
          state: "running" as const,
          restarts: 1,
          startedAt: 0,
          lastFailure: Option.some({ at: 1_500.5, cause: "boom" })
        }
      ])
    }),
    NodeHttpServer.layerHttpServices
  )

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Ref } from "effect"
import { TestClock } from "effect/testing"
import { RelayTarget, Settings, settingsFrom } from "../../../../src/config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../../../src/domain/Ids.ts"
import { readList } from "../../../../src/domain/ListText.ts"
import { FreshList } from "../../../../src/mcp/menu/FreshList.ts"
import { listChanged, ListChanges } from "../../../../src/mcp/menu/ListChanges.ts"
import { MenuSignals } from "../../../../src/mcp/menu/MenuSignals.ts"
import { SessionMenu } from "../../../../src/mcp/menu/SessionMenu.ts"
import type { AgentSession } from "../../../../src/mcp/sessions/AgentSession.ts"
import { AgentSessions } from "../../../../src/mcp/sessions/AgentSessions.ts"
import { EventLogs } from "../../../../src/mcp/streams/EventLogs.ts"
import * as ListResult from "../../../../src/menu/ListResult.ts"
import { NarrowedList } from "../../../../src/menu/NarrowedLists.ts"
import { Deadlines } from "../../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../../src/supervision/Supervisor.ts"
import { agentSession } from "../../../support/agentSession.ts"

const listOf = (...tools: ReadonlyArray<string>) => `{"tools":[${tools.map((name) => `{"name":"${name}"}`).join(",")}]}`

/** A relay whose list is `Ref`; the cached list is what it was when it was last fetched. */
const setup = Effect.gen(function*() {
  const relayList = yield* Ref.make(listOf("a"))
  const kept = yield* Ref.make(listOf("a"))
  const fetches = yield* Ref.make(0)
  const broken = yield* Ref.make(false)
  const sessions: Array<AgentSession> = []

  const doubles = Layer.mergeAll(
    Layer.mock(SessionMenu, {
      last: () => Effect.map(Ref.get(kept), (result) => Option.some(new NarrowedList(result))),
      narrow: (_session, result) => Effect.succeed(new NarrowedList(result)),
      ignoresListChanged: (session) => session.clientName === "deaf"
    }),
    Layer.mock(FreshList, {
      fetch: () =>
        Ref.get(relayList).pipe(
          Effect.tap((list) => Ref.set(kept, list)),
          Effect.tap(() => Ref.update(fetches, (n) => n + 1)),
          Effect.flatMap((list) => Effect.map(Ref.get(broken), (gone) => gone ? Option.none() : Option.some(list)))
        ),
      forAgents: Effect.void
    }),
    Layer.mock(AgentSessions, { loaded: Effect.sync(() => sessions), findLoaded: () => undefined }),
    Layer.provideMerge(Deadlines.layer, Supervisor.layer),
    EventLogs.layer
  ).pipe(Layer.provideMerge(Layer.mergeAll(
    Layer.succeed(Settings, settingsFrom({})),
    Layer.succeed(RelayTarget, { id: defaultRelay, url: new URL("http://relay.test/mcp"), token: {} })
  )))

  const context = yield* Layer.build(
    ListChanges.layer.pipe(Layer.provideMerge(MenuSignals.layer), Layer.provideMerge(doubles))
  )

  /** A session that was answered the list as it is. */
  const session = (name: string, clientName = "client") =>
    Effect.gen(function*() {
      const made = yield* agentSession({
        id: name,
        clientName,
        fingerprint: ListResult.fingerprint(readList("tools", listOf("a")))
      })
      sessions.push(made)
      return made
    }).pipe(Effect.provide(context))

  return {
    relayList,
    kept,
    fetches,
    broken,
    session,
    signals: yield* Effect.provide(MenuSignals, context),
    changes: yield* Effect.provide(ListChanges, context)
  }
})

/** How often a session's stream was told so far. */
const told = (session: AgentSession) =>
  Effect.gen(function*() {
    let count = 0
    const reader = session.log.reader(0)
    while (true) {
      const next = yield* Effect.timeoutOption(reader.next, "1 millis").pipe(
        Effect.raceFirst(Effect.as(TestClock.adjust("2 millis"), Option.none())),
        Effect.map(Option.flatten)
      )
      if (Option.isNone(next)) return count
      if (next.value.data === listChanged) count++
    }
  })

describe("ListChanges", () => {
  it.effect("tells once of changes that come within 250 ms, and not before", () =>
    Effect.gen(function*() {
      const { fetches, relayList, session, signals } = yield* setup
      const open = yield* session("open")
      open.readerCame()
      yield* Ref.set(relayList, listOf("a", "b"))
      yield* signals.offer({ _tag: "RelayList", session: open })
      yield* TestClock.adjust("200 millis")
      yield* signals.offer({ _tag: "RelayList", session: open })
      assert.strictEqual(yield* Ref.get(fetches), 0)
      yield* TestClock.adjust("60 millis")
      assert.strictEqual(yield* Ref.get(fetches), 1)
      assert.strictEqual(yield* told(open), 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* told(open), 1)
    }))

  it.effect("says nothing where nothing visible changed", () =>
    Effect.gen(function*() {
      const { session, signals } = yield* setup
      const open = yield* session("open")
      open.readerCame()
      yield* signals.offer({ _tag: "EveryList" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* told(open), 0)
    }))

  it.effect("compares a change of context with the cached list and fetches nothing", () =>
    Effect.gen(function*() {
      const { fetches, kept, session, signals } = yield* setup
      const open = yield* session("open")
      open.readerCame()
      yield* Ref.set(kept, listOf("a", "workspace"))
      yield* signals.offer({ _tag: "ContextChanged", agent: defaultAgent })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* told(open), 1)
      assert.strictEqual(yield* Ref.get(fetches), 0)
    }))

  it.effect("keeps what is due for the next request where no stream is open, and takes it once", () =>
    Effect.gen(function*() {
      const { kept, session, signals } = yield* setup
      const closed = yield* session("closed")
      yield* Ref.set(kept, listOf("b"))
      yield* signals.offer({ _tag: "ContextChanged", agent: defaultAgent })
      yield* TestClock.adjust("1 second")
      assert.isTrue(closed.view.takeDue())
      assert.isFalse(closed.view.takeDue())
    }))

  it.effect("refetches a session without a stream only with its next request", () =>
    Effect.gen(function*() {
      const { changes, fetches, relayList, session, signals } = yield* setup
      const closed = yield* session("closed")
      yield* Ref.set(relayList, listOf("a", "b"))
      yield* signals.offer({ _tag: "TokenChanged", agent: defaultAgent })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* Ref.get(fetches), 0)
      changes.requested(closed)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Ref.get(fetches), 1)
      assert.isTrue(closed.view.takeDue())
    }))

  it.effect("tells at once a stream that opens behind the times", () =>
    Effect.gen(function*() {
      const { changes, kept, session } = yield* setup
      const late = yield* session("late")
      yield* Ref.set(kept, listOf("z"))
      late.readerCame()
      yield* changes.streamOpened(late)
      assert.strictEqual(yield* told(late), 1)
    }))

  it.effect("never tells a client that is known to ignore it", () =>
    Effect.gen(function*() {
      const { kept, session, signals } = yield* setup
      const deaf = yield* session("deaf", "deaf")
      deaf.readerCame()
      yield* Ref.set(kept, listOf("z"))
      yield* signals.offer({ _tag: "ContextChanged", agent: defaultAgent })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* told(deaf), 0)
    }))

  it.effect("fetches a list again that could not be had: after 2, 4, 8 s, and never twice at once", () =>
    Effect.gen(function*() {
      const { broken, fetches, relayList, session, signals } = yield* setup
      const open = yield* session("open")
      open.readerCame()
      yield* Ref.set(relayList, listOf("a", "b"))
      yield* Ref.set(broken, true)
      yield* signals.offer({ _tag: "RelayList", session: open })
      yield* TestClock.adjust("1 second")
      yield* signals.offer({ _tag: "RelayList", session: open })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Ref.get(fetches), 2)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Ref.get(fetches), 3)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Ref.get(fetches), 4)
      assert.strictEqual(yield* told(open), 0)
      yield* Ref.set(broken, false)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* told(open), 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* Ref.get(fetches), 5)
    }))
})

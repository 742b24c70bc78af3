/**
 * The context of each agent: one writer, on disk with its history, watched by the menu (BEHAVIOUR 6).
 *
 * A change is on disk before anybody is told of it, and what was told is never taken back.
 */
import { Clock, Context, Effect, Layer, PubSub, Schema, Semaphore, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { AgentName } from "../domain/Ids.ts"
import { type ContextEvent, ContextState, type Facts } from "./ContextState.ts"
import { epochOf, factsOf, IllegalTransition, terminal, transition } from "./transition.ts"

export { IllegalTransition }

/** The event was meant for another worktree than the present one; it was logged and ignored. */
export class StaleEpoch extends Schema.TaggedError<StaleEpoch>()("StaleEpoch", {
  event: Schema.String,
  epoch: Schema.Int
}) {
  override get message(): string {
    return `${this.event} was meant for another worktree (epoch ${this.epoch}); it was ignored`
  }
}

export interface HistoryEntry {
  readonly at: number
  readonly event: string
  readonly cause: string
  readonly state: ContextState
}

/** An agent in a worktree that has not come to its end. */
export interface OpenWorktree {
  readonly agent: AgentName
  readonly path: string
  readonly branch: string
  readonly epoch: number
}

export class WorkspaceContexts extends Context.Service<WorkspaceContexts, {
  readonly get: (agent: AgentName) => Effect.Effect<ContextState>
  readonly facts: (agent: AgentName) => Effect.Effect<Facts>
  /**
   * `cause` names the driver: `cli`, `api`, `library`, or the tool whose success was observed. With `epoch` (see
   * `epochOf`) only where that is still the agent's worktree. What is refused is logged, and the state stays.
   */
  readonly send: (
    agent: AgentName,
    event: ContextEvent,
    options: { readonly cause: string; readonly epoch?: number | undefined }
  ) => Effect.Effect<ContextState, IllegalTransition | StaleEpoch>
  /**
   * Says of a fact that the configuration names whether it holds for the agent; the state stays. What holds already, or
   * does not, is no change.
   */
  readonly setFact: (
    agent: AgentName,
    fact: string,
    holds: boolean,
    options: { readonly cause: string }
  ) => Effect.Effect<void>
  /** The agents that are attached to a worktree now. */
  readonly open: Effect.Effect<ReadonlyArray<OpenWorktree>>
  /** As if it had never been anywhere: its history goes too. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
  /** The newest first. */
  readonly history: (agent: AgentName, limit: number) => Effect.Effect<ReadonlyArray<HistoryEntry>>
  /** Each change of any agent's context or facts, after it is on disk. */
  readonly changes: Stream.Stream<{ readonly agent: AgentName; readonly state: ContextState }>
}>()("holdfast/context/WorkspaceContexts") {
  static readonly layer = Layer.effect(
    WorkspaceContexts,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const writing = yield* Semaphore.make(1)
      const changes = yield* PubSub.unbounded<{ readonly agent: AgentName; readonly state: ContextState }>()
      const known = new Map<AgentName, Known>(
        (yield* Effect.orDie(Effect.flatMap(sql`SELECT agent, state, epoch FROM contexts`, decodeRows)))
          .map(({ agent, epoch, state }) => [agent, { state, epoch }])
      )
      const set = new Map<AgentName, ReadonlySet<string>>()
      for (
        const { agent, fact } of yield* Effect.orDie(Effect.flatMap(sql`SELECT * FROM context_facts`, decodeFacts))
      ) {
        set.set(agent, new Set([...set.get(agent) ?? [], fact]))
      }
      const of = (agent: AgentName): Known => known.get(agent) ?? untouched

      const record = (agent: AgentName, at: number, event: string, cause: string, state: string) =>
        sql`INSERT INTO context_history (agent, at, event, cause, state)
          VALUES (${agent}, ${at}, ${event}, ${cause}, ${state})`

      const write = Effect.fnUntraced(function*(agent: AgentName, next: Known, event: ContextEvent, cause: string) {
        const at = Math.floor(yield* Clock.currentTimeMillis)
        const state = yield* encodeState(next.state)
        yield* sql`INSERT INTO contexts (agent, state, epoch, changed_at) VALUES (${agent}, ${state}, ${next.epoch}, ${at})
          ON CONFLICT (agent) DO UPDATE SET state = excluded.state, epoch = excluded.epoch, changed_at = excluded.changed_at`
        yield* record(agent, at, event._tag, cause, state)
      }, sql.withTransaction)

      const writeFact = Effect.fnUntraced(function*(agent: AgentName, fact: string, holds: boolean, cause: string) {
        const at = Math.floor(yield* Clock.currentTimeMillis)
        yield* holds
          ? sql`INSERT INTO context_facts (agent, fact, set_at) VALUES (${agent}, ${fact}, ${at})`
          : sql`DELETE FROM context_facts WHERE agent = ${agent} AND fact = ${fact}`
        yield* record(
          agent,
          at,
          `${holds ? "SetFact" : "ClearFact"} ${fact}`,
          cause,
          yield* encodeState(of(agent).state)
        )
      }, sql.withTransaction)

      const setFact = Effect.fn("WorkspaceContexts.setFact")(
        function*(agent: AgentName, fact: string, holds: boolean, { cause }: { readonly cause: string }) {
          const before = set.get(agent) ?? new Set()
          if (before.has(fact) === holds) return
          yield* Effect.orDie(writeFact(agent, fact, holds, cause))
          set.set(agent, new Set(holds ? [...before, fact] : [...before].filter((each) => each !== fact)))
          yield* PubSub.publish(changes, { agent, state: of(agent).state })
        },
        Effect.uninterruptible,
        writing.withPermit
      )

      const send = Effect.fn("WorkspaceContexts.send")(
        function*(
          agent: AgentName,
          event: ContextEvent,
          options: { readonly cause: string; readonly epoch?: number | undefined }
        ) {
          const before = of(agent)
          if (options.epoch !== undefined && options.epoch !== epochOf(before.state)) {
            return yield* new StaleEpoch({ event: event._tag, epoch: options.epoch })
          }
          const epoch = before.epoch + (event._tag === "Attach" ? 1 : 0)
          const state = yield* Effect.fromResult(transition(before.state, event, epoch))
          yield* Effect.orDie(write(agent, { state, epoch }, event, options.cause))
          known.set(agent, { state, epoch })
          yield* PubSub.publish(changes, { agent, state })
          return state
        },
        // Whoever is interrupted must not leave a change on disk that nobody is told of.
        Effect.uninterruptible,
        writing.withPermit,
        (effect, agent, _, { cause }) =>
          effect.pipe(
            Effect.tapError((error) => Effect.logInfo(error.message)),
            Effect.annotateLogs({ agent, cause })
          )
      )

      return WorkspaceContexts.of({
        get: (agent) => Effect.sync(() => of(agent).state),
        facts: (agent) => Effect.sync(() => new Set([...factsOf(of(agent).state), ...set.get(agent) ?? []])),
        setFact,
        send,
        open: Effect.sync(() =>
          [...known].flatMap(([agent, { state }]) =>
            state._tag === "Worktree" && !terminal.includes(state.phase)
              ? [{ agent, path: state.path, branch: state.branch, epoch: state.epoch }]
              : []
          )
        ),
        forget: Effect.fn("WorkspaceContexts.forget")(
          function*(agent) {
            yield* sql`DELETE FROM contexts WHERE agent = ${agent}`
            yield* sql`DELETE FROM context_history WHERE agent = ${agent}`
            yield* sql`DELETE FROM context_facts WHERE agent = ${agent}`
            known.delete(agent)
            set.delete(agent)
          },
          sql.withTransaction,
          Effect.orDie,
          Effect.uninterruptible,
          writing.withPermit
        ),
        history: Effect.fn("WorkspaceContexts.history")(
          function*(agent, limit) {
            const rows = yield* sql`SELECT at, event, cause, state FROM context_history
              WHERE agent = ${agent} ORDER BY id DESC LIMIT ${limit}`
            return yield* decodeHistory(rows)
          },
          Effect.orDie
        ),
        changes: Stream.fromPubSub(changes)
      })
    })
  )
}

/** `epoch` is that of the last worktree, also after it was detached. */
interface Known {
  readonly state: ContextState
  readonly epoch: number
}
const untouched: Known = { state: { _tag: "Shared" }, epoch: 0 }

const StateText = Schema.fromJsonString(ContextState)
const encodeState = Schema.encodeEffect(StateText)
const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ agent: AgentName, state: StateText, epoch: Schema.Int }))
)
const decodeFacts = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ agent: AgentName, fact: Schema.String })))
const decodeHistory = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ at: Schema.Int, event: Schema.String, cause: Schema.String, state: StateText }))
)

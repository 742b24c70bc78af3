/**
 * Owns the context of each agent: one writer, history on disk, watched by the menu (BEHAVIOUR 6).
 *
 * A change is on disk before anybody is notified of it, and a notified change is never undone.
 */
import { Context, Effect, Layer, PubSub, Schema, Semaphore, Stream } from "effect"
import type { AgentName, RelayId } from "../domain/Ids.ts"
import { Happenings, ofAgent } from "../observability/Happenings.ts"
import {
  type ContextEvent,
  type ContextState,
  epochOf,
  type Facts,
  factsOf,
  IllegalTransition,
  placeOf,
  terminal,
  transition
} from "./ContextState.ts"
import * as ContextTable from "./ContextTable.ts"

export { IllegalTransition }

/** The event names another worktree than the present one. It is logged and ignored. */
export class StaleEpoch extends Schema.TaggedError<StaleEpoch>()("StaleEpoch", {
  event: Schema.String,
  epoch: Schema.Int
}) {
  override get message(): string {
    return `${this.event} was meant for another worktree (epoch ${this.epoch}); it was ignored`
  }
}

export interface EventOptions {
  readonly cause: string
  readonly epoch?: number | undefined
  /** The cause of an event. */
  readonly delivery?: ContextTable.Delivery | undefined
}

/** An agent whose worktree has not ended. */
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
   * Moves an agent's state. `cause` names the driver: `cli`, `api`, `library`, or the tool whose success was observed.
   * An event with `epoch` (see `epochOf`) counts only while that is still the agent's worktree. A refused event is
   * logged, and the state stays. Each `delivery` counts once, moved or refused, however often it arrives.
   */
  readonly send: (
    agent: AgentName,
    event: ContextEvent,
    options: EventOptions
  ) => Effect.Effect<ContextState, IllegalTransition | StaleEpoch>
  /** Forgets all deliveries of the relay but these, which can still arrive again. */
  readonly forgetDeliveries: (relay: RelayId, but: ReadonlyArray<number>) => Effect.Effect<void>
  /**
   * Sets or clears a fact of the configuration for the agent. The state stays; a fact that is as it was is no change.
   */
  readonly setFact: (
    agent: AgentName,
    fact: string,
    holds: boolean,
    options: { readonly cause: string }
  ) => Effect.Effect<void>
  /** The agents that are attached to a worktree now. */
  readonly open: Effect.Effect<ReadonlyArray<OpenWorktree>>
  /** Removes the agent's state, facts and history. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
  /** The newest first. */
  readonly history: (agent: AgentName, limit: number) => Effect.Effect<ReadonlyArray<ContextTable.HistoryEntry>>
  /** Each change of any agent's state or facts, after it is on disk. */
  readonly changes: Stream.Stream<{ readonly agent: AgentName; readonly state: ContextState }>
}>()("holdfast/context/WorkspaceContexts") {
  static readonly layer = Layer.effect(
    WorkspaceContexts,
    Effect.gen(function*() {
      const table = yield* ContextTable.make
      const happenings = yield* Happenings
      const writing = yield* Semaphore.make(1)
      const changes = yield* PubSub.unbounded<{ readonly agent: AgentName; readonly state: ContextState }>()
      const known = new Map<AgentName, ContextTable.Known>(
        (yield* table.contexts).map(({ agent, epoch, state }) => [agent, { state, epoch }])
      )
      const set = new Map<AgentName, ReadonlySet<string>>()
      for (const { agent, fact } of yield* table.facts) set.set(agent, new Set([...set.get(agent) ?? [], fact]))
      const of = (agent: AgentName): ContextTable.Known => known.get(agent) ?? untouched

      const setFact = Effect.fn("WorkspaceContexts.setFact")(
        function*(agent: AgentName, fact: string, holds: boolean, { cause }: { readonly cause: string }) {
          const before = set.get(agent) ?? new Set()
          if (before.has(fact) === holds) return
          const { epoch, state } = of(agent)
          yield* table.writeFact(agent, fact, holds, cause, state)
          set.set(agent, new Set(holds ? [...before, fact] : [...before].filter((each) => each !== fact)))
          yield* PubSub.publish(changes, { agent, state })
          const place = placeOf(state)
          const event = `${holds ? "SetFact" : "ClearFact"} ${fact}`
          happenings.tell("context.moved", ofAgent(agent), { from: place, event, to: place, epoch, cause })
        },
        Effect.uninterruptible,
        writing.withPermit
      )

      const move = Effect.fnUntraced(function*(
        { epoch: latest, state }: ContextTable.Known,
        event: ContextEvent,
        meant: number | undefined
      ) {
        if (meant !== undefined && meant !== epochOf(state)) {
          return yield* new StaleEpoch({ event: event._tag, epoch: meant })
        }
        const epoch = latest + (event._tag === "Attach" ? 1 : 0)
        return { state: yield* Effect.fromResult(transition(state, event, epoch)), epoch }
      })

      const send = Effect.fn("WorkspaceContexts.send")(
        function*(agent: AgentName, event: ContextEvent, { cause, delivery, epoch }: EventOptions) {
          const before = of(agent)
          if (delivery !== undefined && (yield* table.heard(delivery))) return before.state
          const next = yield* Effect.tapError(
            move(before, event, epoch),
            () => delivery === undefined ? Effect.void : table.hear(delivery)
          )
          yield* table.write(agent, next, event, cause, delivery)
          known.set(agent, next)
          yield* PubSub.publish(changes, { agent, state: next.state })
          happenings.tell("context.moved", ofAgent(agent), {
            from: placeOf(before.state),
            event: event._tag,
            to: placeOf(next.state),
            epoch: next.epoch,
            cause
          })
          return next.state
        },
        // An interruption must not leave a change on disk of which nobody is notified.
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
        forgetDeliveries: table.forgetDeliveries,
        forget: Effect.fn("WorkspaceContexts.forget")(
          function*(agent) {
            yield* table.forget(agent)
            known.delete(agent)
            set.delete(agent)
          },
          Effect.uninterruptible,
          writing.withPermit
        ),
        history: table.history,
        changes: Stream.fromPubSub(changes)
      })
    })
  )
}

const untouched: ContextTable.Known = { state: { _tag: "Shared" }, epoch: 0 }

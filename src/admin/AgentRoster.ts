/**
 * Agents as a whole: what belongs to one of them in every relay comes and goes with its name (BEHAVIOUR 5, "Removed
 * agents").
 *
 * Removing one ends its sessions at once. Its queue, and the token that delivers it, stay until that is empty; then all
 * that is left of it goes, and the name is free. A secret that was leased to a process goes with that process.
 */
import { Context, Effect, Layer, Option, Schedule, Semaphore } from "effect"
import { randomBytes } from "node:crypto"
import { AgentLeaving, Agents } from "../agents/Agents.ts"
import { WorkspaceContexts } from "../context/WorkspaceContexts.ts"
import { AgentName } from "../domain/Ids.ts"
import { Inbox } from "../inbox/Inbox.ts"
import { RelayRegistry } from "../mcp/RelayRegistry.ts"
import { isAlive } from "../supervision/HostProcess.ts"
import { Supervisor } from "../supervision/Supervisor.ts"

const tidyEvery = "5 seconds"

type Roster = Agents["Service"]

export class AgentRoster extends Context.Service<AgentRoster, {
  /** The secret is told this once. Where an agent of that name left, its queue must be empty. */
  readonly add: Roster["add"]
  readonly lease: Roster["lease"]
  /** Of a name that begins with `prefix` and is nobody else's. */
  readonly leaseEphemeral: (
    prefix: string,
    request: Pick<Parameters<Roster["lease"]>[0], "holder" | "obeysListChanged">
  ) => ReturnType<Roster["lease"]>
  readonly release: (lease: string) => Effect.Effect<void>
  readonly remove: Roster["remove"]
  /** Neither delivered nor discarded, at all relays together. */
  readonly undelivered: (agent: AgentName) => Effect.Effect<number>
}>()("holdfast/admin/AgentRoster") {
  static readonly layerNoDeps = Layer.effect(
    AgentRoster,
    Effect.gen(function*() {
      const agents = yield* Agents
      const contexts = yield* WorkspaceContexts
      const registry = yield* RelayRegistry
      const inbox = yield* Inbox
      const { supervise } = yield* Supervisor
      // Whoever comes under a name comes after all that went with the one before.
      const oneAtATime = (yield* Semaphore.make(1)).withPermit

      const undelivered = Effect.fnUntraced(function*(agent: AgentName) {
        const counts = yield* Effect.forEach(yield* registry.list, ({ outbox }) => outbox.undelivered(agent))
        return counts.reduce((sum, count) => sum + count, 0)
      })

      const remove = Effect.fn("AgentRoster.remove")(
        function*(agent: AgentName) {
          yield* agents.remove(agent)
          for (const relay of yield* registry.list) yield* relay.sessions.endAll(agent)
          yield* contexts.forget(agent)
          yield* Effect.logInfo("an agent was removed", { agent, undelivered: yield* undelivered(agent) })
          yield* forgetEmptied(agent)
        },
        // Whoever asked may be gone before it is done.
        Effect.uninterruptible,
        oneAtATime
      )

      /** Forgets what is left of a removed agent, once nothing of it is queued. */
      const forgetEmptied = Effect.fnUntraced(function*(agent: AgentName) {
        if ((yield* undelivered(agent)) > 0) return
        for (const { cachedLists, outbox, results, sessions, token } of yield* registry.list) {
          // Where a crash came between the removal and their end.
          yield* sessions.endAll(agent)
          yield* outbox.forget(agent)
          yield* results.forget(agent)
          yield* cachedLists.forget(agent)
          yield* token.forget(agent)
        }
        yield* contexts.forget(agent)
        yield* inbox.forget(agent)
        yield* agents.forget(agent)
      })

      const forgetRemoved = oneAtATime(
        Effect.flatMap(agents.leaving, (names) => Effect.forEach(names, forgetEmptied, { discard: true }))
      )

      const release = Effect.fn("AgentRoster.release")(function*(lease: string) {
        const { deserted } = yield* agents.release(lease)
        if (Option.isSome(deserted)) yield* Effect.ignore(remove(deserted.value))
      })

      yield* agents.leases.pipe(
        Effect.flatMap(
          Effect.forEach(({ holder, holderStart, id }) => isAlive(holder, holderStart) ? Effect.void : release(id))
        ),
        Effect.andThen(forgetRemoved),
        Effect.schedule(Schedule.spaced(tidyEvery)),
        supervise("agents")
      )

      /** Somebody may have discarded or delivered the last of a namesake's queue just now. */
      const afresh = <A, E>(attempt: Effect.Effect<A, E | AgentLeaving>) =>
        Effect.catchIf(attempt, (error) => error instanceof AgentLeaving, () => Effect.andThen(forgetRemoved, attempt))

      return AgentRoster.of({
        add: (name) => afresh(agents.add(name)),
        lease: (request) => afresh(agents.lease(request)),
        leaseEphemeral: (prefix, request) =>
          Effect.suspend(() => agents.lease({ ...request, ephemeral: true, agent: uniqueName(prefix) })),
        release,
        remove,
        undelivered
      })
    })
  )
}

/** Letters that a name may not have become dashes. */
const uniqueName = (prefix: string): AgentName => {
  const start = prefix.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 50) || "agent"
  return AgentName.make(`${start}-${randomBytes(4).toString("hex")}`)
}

/**
 * The calls of tools that are under way to one relay: which of them are the same call made again, and how many run on
 * without their agent. Who makes a call again, by the client's own id of it, waits for the answer of the first.
 */
import { Clock, Context, Effect, FiberSet, Layer } from "effect"
import { Settings } from "../../config/Settings.ts"
import type { AgentName, SessionId } from "../../domain/Ids.ts"
import { mayBuffer } from "../../outbox/Call.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { callIdIn } from "../../outbox/submission/IdempotencyKey.ts"
import { Results } from "../../results/Results.ts"
import { Tasks } from "../../results/Tasks.ts"
import { Deadlines } from "../../supervision/Deadlines.ts"
import type { RequestContext } from "./Handler.ts"
import { LiveCall, maxAlone, type Services, type Slot } from "./LiveCall.ts"

/** One for each relay. */
export class LiveCalls extends Context.Service<LiveCalls, {
  /** Of a request that is a call of a tool, and no part of a batch. */
  readonly begin: (context: RequestContext) => LiveCall
  /** Another call that is the same one, and under way. */
  readonly sameAs: (call: LiveCall) => LiveCall | undefined
  /** What is kept of the same call, as an answer to it. */
  readonly kept: (call: LiveCall) => Effect.Effect<string | undefined>
  /** The one of that id that may have reached the relay, unless the outbox cancels it. */
  readonly find: (session: SessionId, asked: string) => LiveCall | undefined
  /** The one that its agent has this task of ends, and the relay's part in it, where that can be told. */
  readonly cancelTask: (agent: AgentName, id: string) => Effect.Effect<void>
}>()("holdfast/mcp/LiveCalls") {
  static readonly layer = Layer.effect(
    LiveCalls,
    Effect.gen(function*() {
      const { outbox: { callIds } } = yield* Settings
      const results = yield* Results
      const clock = yield* Clock.Clock
      const fibers = yield* FiberSet.make()
      // What is to be kept is on disk before the end.
      yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(fibers), "2 seconds"))
      // Slots and not calls: the old tables of a set keep its last members, and by them their requests, for long.
      const running = new Set<Slot>()
      const alone = new Map<AgentName, Set<LiveCall>>()

      const services: Services = {
        deadlines: yield* Deadlines,
        outbox: yield* Outbox,
        results,
        tasks: yield* Tasks,
        now: () => Math.floor(clock.currentTimeMillisUnsafe()),
        fork: yield* FiberSet.runtime(fibers)(),
        ended: (call) => {
          running.delete(call.slot)
          call.slot.call = undefined
          const others = alone.get(call.session.agent)
          if (others?.delete(call) === true && others.size === 0) alone.delete(call.session.agent)
        },
        hasRoom: (agent) => (alone.get(agent)?.size ?? 0) < maxAlone,
        alone: (call) => {
          const all = alone.get(call.session.agent) ?? new Set()
          alone.set(call.session.agent, all.add(call))
          const [oldest] = all
          if (all.size > maxAlone) oldest?.giveUp()
        }
      }

      return LiveCalls.of({
        begin: (context) => {
          const clientsId = mayBuffer(context.request) ? callIdIn(context.request.params, callIds) : undefined
          const call = new LiveCall(services, context, clientsId)
          running.add(call.slot)
          return call
        },
        sameAs: (call) => {
          if (call.identity === undefined) return undefined
          for (const { call: other } of running) {
            if (other === undefined || other === call || !other.isFirst) continue
            if (other.identity?.isSameAs(call.identity) === true) return other
          }
          return undefined
        },
        kept: (call) => {
          const name = results.hasAny(call.session.agent) ? call.identity?.name : undefined
          if (name === undefined) return Effect.undefined
          return Effect.map(
            results.same(call.session.agent, name),
            (found) =>
              found._tag === "Some" && found.value.response._tag === "Some" ? found.value.response.value : undefined
          )
        },
        cancelTask: (agent, id) =>
          Effect.sync(() => {
            for (const { call } of running) {
              if (call?.session.agent === agent && call.isTask(id)) call.cancelTask()
            }
          }),
        find: (session, asked) => {
          for (const { call } of running) {
            if (call === undefined) continue
            if (call.session.id === session && call.asked === asked && call.isAtRelay && !call.mayQueue) return call
          }
          return undefined
        }
      })
    })
  )
}

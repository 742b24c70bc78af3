/** Reasons to look again at what sessions see; consumed by one fiber, so that nobody looks twice at once. */
import { Context, Effect, Layer, Queue, Stream } from "effect"
import { WorkspaceContexts } from "../../context/WorkspaceContexts.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { ToolPins } from "../../menu/ToolPins.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"

export type MenuSignal =
  /** The relay said list_changed on this session. */
  | { readonly _tag: "RelayList"; readonly session: AgentSession }
  /** A list arrived after a cached one had been answered. */
  | { readonly _tag: "LateList"; readonly session: AgentSession }
  | { readonly _tag: "TokenChanged"; readonly agent: AgentName }
  /** The link came back, or somebody says that the relay's tools may have changed. */
  | { readonly _tag: "EveryList" }
  | { readonly _tag: "ContextChanged"; readonly agent: AgentName }
  /** Other definitions of tools are approved now. */
  | { readonly _tag: "PinsChanged" }

/** One for each relay. */
export class MenuSignals extends Context.Service<MenuSignals, {
  /** A session whose relay said list_changed already, and was not looked at since, waits once. */
  readonly offer: (signal: MenuSignal) => Effect.Effect<void>
  /** `offer`, at once. */
  readonly offerUnsafe: (signal: MenuSignal) => void
  /** Waits for the first one. */
  readonly takeAll: Effect.Effect<ReadonlyArray<MenuSignal>>
  /** Those that have come since, perhaps none. */
  readonly takeMore: Effect.Effect<ReadonlyArray<MenuSignal>>
}>()("holdfast/mcp/MenuSignals") {
  static readonly layer = Layer.effect(
    MenuSignals,
    Effect.gen(function*() {
      const queue = yield* Queue.unbounded<MenuSignal>()
      const waiting = new Set<AgentSession>()
      const taken = Effect.sync(() => waiting.clear())
      const offerUnsafe = (signal: MenuSignal): void => {
        if (signal._tag === "RelayList") {
          if (waiting.has(signal.session)) return
          waiting.add(signal.session)
        }
        Queue.offerUnsafe(queue, signal)
      }
      return MenuSignals.of({
        offerUnsafe,
        offer: (signal) => Effect.sync(() => offerUnsafe(signal)),
        takeAll: Effect.tap(Queue.takeAll(queue), taken),
        takeMore: Effect.tap(Queue.clear(queue), taken)
      })
    })
  )
}

/** What makes menus worth another look: the link that comes back, a token that changes, a context that moves, an approval. */
export const menuTriggers = Layer.effectDiscard(Effect.gen(function*() {
  const link = yield* RelayLink
  const token = yield* LiveToken
  const contexts = yield* WorkspaceContexts
  const pins = yield* ToolPins
  const signals = yield* MenuSignals
  const { supervise } = yield* Supervisor

  yield* link.changes.pipe(
    Stream.runForEach((state) => state._tag === "Up" ? signals.offer({ _tag: "EveryList" }) : Effect.void),
    supervise("menu-on-link")
  )
  yield* token.changes.pipe(
    Stream.runForEach(({ agent }) => signals.offer({ _tag: "TokenChanged", agent })),
    supervise("menu-on-token")
  )
  yield* contexts.changes.pipe(
    Stream.runForEach(({ agent }) => signals.offer({ _tag: "ContextChanged", agent })),
    supervise("menu-on-context")
  )
  yield* pins.changes.pipe(
    Stream.runForEach(() => signals.offer({ _tag: "PinsChanged" })),
    supervise("menu-on-pins")
  )
}))

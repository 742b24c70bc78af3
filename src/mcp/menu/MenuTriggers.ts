/** What makes menus worth another look: the link that comes back, a token that changes, a context that moves. */
import { Effect, Layer, Stream } from "effect"
import { WorkspaceContexts } from "../../context/WorkspaceContexts.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import { MenuSignals } from "./MenuSignals.ts"

export const layer = Layer.effectDiscard(Effect.gen(function*() {
  const link = yield* RelayLink
  const token = yield* LiveToken
  const contexts = yield* WorkspaceContexts
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
}))

/**
 * How long `initialize` and `server/discover` wait for the relay before the agent gets what was last known of it: not at
 * all while the link is Down, `link.fallbackAfter` where something is known, else `link.fallbackUnknownAfter`.
 */
import { Effect, Exit, Fiber, Option } from "effect"
import { Settings } from "../../config/Settings.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"

export const make = Effect.gen(function*() {
  const { link: { fallbackAfter, fallbackUnknownAfter } } = yield* Settings
  const link = yield* RelayLink
  const { find } = yield* CachedInitialize

  /**
   * `known`: the last InitializeResult. `inTime`: what `ask` gave, if it did in time; it runs on in the session, so that
   * what it finds is known the next time. Where the session ends meanwhile, its agent is still owed an answer.
   */
  return Effect.fnUntraced(function*<A>(session: Pick<AgentSession, "inBackground">, ask: Effect.Effect<A>) {
    const known = yield* find
    if ((yield* link.state)._tag === "Down") return { known, inTime: Option.none<A>() }
    const asking = session.inBackground(
      Effect.tapDefect(ask, (defect) => Effect.logError("the relay's greeting could not be read", { defect }))
    )
    const ended = yield* Effect.timeoutOption(
      Fiber.await(asking),
      Option.isSome(known) ? fallbackAfter : fallbackUnknownAfter
    )
    return { known, inTime: Option.flatMap(ended, Exit.getSuccess) }
  })
})

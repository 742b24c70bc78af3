/** The tools that one session sees: the relay's list, narrowed by where its agent stands (guarantee 3). */
import { Context, Effect, Layer, Option } from "effect"
import { Agents } from "../../agents/Agents.ts"
import { Settings } from "../../config/Settings.ts"
import * as ToolNames from "../../config/ToolNames.ts"
import { WorkspaceContexts } from "../../context/WorkspaceContexts.ts"
import { CachedLists, type ListKey } from "../../menu/CachedLists.ts"
import { type NarrowedList, NarrowedLists } from "../../menu/NarrowedLists.ts"
import * as Narrowing from "../../menu/Narrowing.ts"
import { type Hold, ToolPins } from "../../menu/ToolPins.ts"
import { isLong } from "../../relay/transport/AnswerReading.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { LocalTools } from "./LocalTools.ts"

/** One for each relay. */
export class SessionMenu extends Context.Service<SessionMenu, {
  readonly key: (session: AgentSession) => Effect.Effect<ListKey>
  /**
   * The text of a tools/list result as the session may see it: hidden tools left out, and `outputSchema` of bufferable
   * ones, against which clients would reject an acknowledgement. Clients that ignore list_changed, and those for which
   * hiding is not worth it, see every tool but those that are held back.
   */
  readonly narrow: (session: AgentSession, result: string) => Effect.Effect<NarrowedList>
  /** The last known list, narrowed. */
  readonly last: (session: AgentSession) => Effect.Effect<Option.Option<NarrowedList>>
  /** Why a call of the tool is refused: its definition in the session's list is not approved. */
  readonly holdOf: (session: AgentSession, tool: string) => Effect.Effect<Option.Option<Hold>>
  readonly ignoresListChanged: (session: AgentSession) => boolean
}>()("holdfast/mcp/SessionMenu") {
  static readonly layer = Layer.effect(
    SessionMenu,
    Effect.gen(function*() {
      const settings = yield* Settings
      const agents = yield* Agents
      const contexts = yield* WorkspaceContexts
      const cached = yield* CachedLists
      const token = yield* LiveToken
      const rules = yield* Narrowing.rules
      const worthwhile = yield* Narrowing.worthwhile
      const pins = yield* ToolPins
      const local = yield* LocalTools
      const lists = new NarrowedLists(ToolNames.matcher(settings.outbox.bufferable), pins.heldIn, local.all)
      const ignoring = new Set(settings.menu.ignoresListChanged)
      const obeys = yield* agents.obeying
      const ignoresListChanged = (session: AgentSession) => ignoring.has(session.clientName) && !obeys(session.agent)

      /** The same object for as long as nothing in it changes, since what is looked up by it is remembered by it. */
      const keys = new WeakMap<AgentSession, ListKey>()
      const key = (session: AgentSession) =>
        Effect.map(token.principal(session.agent), (principal): ListKey => {
          const { agent, capabilities, protocolVersion } = session
          const known = keys.get(session)
          if (known?.principal === principal && known.protocolVersion === protocolVersion) return known
          const made = { agent, principal, protocolVersion, capabilities }
          keys.set(session, made)
          return made
        })

      const narrowNow = (session: AgentSession, result: string): Effect.Effect<NarrowedList> =>
        ignoresListChanged(session) || !worthwhile(session.clientName)
          ? Effect.sync(() => lists.narrow(result, Narrowing.hidesNothing))
          : Effect.map(contexts.facts(session.agent), (facts) => lists.narrow(result, rules(facts)))
      const narrow = (session: AgentSession, result: string): Effect.Effect<NarrowedList> =>
        isLong(result)
          ? pins.read(result).pipe(
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(Effect.sync(() => lists.read(result))),
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(narrowNow(session, result)),
            Effect.tap(Effect.yieldNow)
          )
          : narrowNow(session, result)

      return SessionMenu.of({
        key,
        narrow,
        ignoresListChanged,
        holdOf: pins.pinned
          ? Effect.fnUntraced(function*(session, tool) {
            const list = yield* cached.find(yield* key(session), "tools/list")
            return pins.holdOf(tool, Option.map(list, ({ result }) => result))
          })
          : () => Effect.succeedNone,
        last: Effect.fnUntraced(function*(session) {
          const list = yield* cached.find(yield* key(session), "tools/list")
          if (Option.isNone(list)) return Option.none()
          return Option.some(yield* narrow(session, list.value.result))
        })
      })
    })
  )
}

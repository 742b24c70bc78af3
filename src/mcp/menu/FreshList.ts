/** Tools lists that Holdfast fetches by itself: for a session to compare, for agents whose list is not known yet. */
import { Context, Duration, Effect, Layer, Option } from "effect"
import { Agents } from "../../agents/Agents.ts"
import { Settings } from "../../config/Settings.ts"
import type { AgentName, PrincipalId } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { itemsOf } from "../../domain/Methods.ts"
import { ownInitialize } from "../../domain/OwnInitialize.ts"
import { ownPiece } from "../../domain/OwnText.ts"
import * as ProtocolVersion from "../../domain/ProtocolVersion.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import { CachedLists, type ListKey, ownCapabilities } from "../../menu/CachedLists.ts"
import { ListPages } from "../../menu/ListResult.ts"
import { ToolPins } from "../../menu/ToolPins.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { RelayClient } from "../../relay/RelayClient.ts"
import type { RelayFailure } from "../../relay/RelayFailure.ts"
import { type RelaySession, RelaySessions } from "../../relay/session/RelaySession.ts"
import { letOthersIn } from "../../relay/transport/AnswerReading.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { SessionMenu } from "./SessionMenu.ts"

/** What is read of a list; a relay may go on for ever. */
const maxPages = 100
const maxText = 16 * 1024 * 1024

/** One for each relay. */
export class FreshList extends Context.Service<FreshList, {
  /** The whole result on the session's own relay session, cached; `None` where it could not be had. */
  readonly fetch: (session: AgentSession) => Effect.Effect<Option.Option<string>>
  /** One list for each agent, so that schemas are known before its first call. */
  readonly forAgents: Effect.Effect<void>
  /** A list under each token of these agents: afterwards it is known of each whether the relay takes it. */
  readonly prove: (agents: Iterable<AgentName>) => Effect.Effect<void>
}>()("holdfast/mcp/FreshList") {
  static readonly layer = Layer.effect(
    FreshList,
    Effect.gen(function*() {
      const settings = yield* Settings
      const agents = yield* Agents
      const link = yield* RelayLink
      const client = yield* RelayClient
      const relaySessions = yield* RelaySessions
      const cached = yield* CachedLists
      const initialized = yield* CachedInitialize
      const token = yield* LiveToken
      const menu = yield* SessionMenu
      const pins = yield* ToolPins
      const listPages = new ListPages(itemsOf["tools/list"])
      let requests = 0

      const page = Effect.fnUntraced(function*(session: RelaySession, cursor: string | undefined) {
        const id = `"holdfast-list-${++requests}"`
        const params = cursor === undefined ? "{}" : `{"cursor":${cursor}}`
        const final = yield* client.request(session, {
          id,
          text: `{"jsonrpc":"2.0","id":${id},"method":"tools/list","params":${params}}`,
          timeout: Duration.toMillis(settings.link.listTimeout),
          repeats: true
        })
        if (final.body._tag !== "Whole") return undefined
        const result = final.parts?.result ?? JsonText.at(final.body.text, ["result"])
        return result === undefined ? undefined : ownPiece(result, final.body.text)
      }, Effect.scoped)

      const whole = Effect.fnUntraced(function*(session: RelaySession) {
        const pages: Array<string> = []
        let cursor: string | undefined
        let length = 0
        do {
          const result = yield* page(session, cursor)
          if (result === undefined) return undefined
          yield* letOthersIn(result)
          if (listPages.unfit(result) !== undefined) return undefined
          yield* letOthersIn(result)
          pages.push(result)
          length += result.length
          cursor = listPages.nextCursor(result)
        } while (cursor !== undefined && pages.length < maxPages && length < maxText)
        return listPages.whole(pages)
      })

      const fetched = Effect.fnUntraced(function*(session: RelaySession, key: ListKey) {
        const list = yield* whole(session)
        if (list === undefined) return Option.none<string>()
        yield* letOthersIn(list)
        const { result } = yield* cached.save(key, "tools/list", list)
        yield* letOthersIn(list)
        yield* pins.read(list)
        yield* pins.listed(list)
        return Option.some(result)
      })

      const orNone = (effect: Effect.Effect<Option.Option<string>, RelayFailure>) =>
        Effect.catch(
          effect,
          (failure) =>
            Effect.as(Effect.logDebug("a list could not be fetched", { why: failure.message }), Option.none<string>())
        )

      const keyOf = (agent: AgentName): Effect.Effect<ListKey> =>
        Effect.map(token.principal(agent), (principal) => ({
          agent,
          principal,
          protocolVersion: ProtocolVersion.defaultVersion,
          capabilities: ownCapabilities
        }))

      /** What the relay says of itself, for the first agent that comes while it is away. An agent's own answer says more. */
      const greeted = Effect.fnUntraced(function*(result: string) {
        const capabilities = (greeting: string) => JsonText.at(greeting, ["capabilities"])
        const known = Option.map(yield* initialized.find, capabilities)
        if (!Option.contains(known, capabilities(result))) yield* initialized.save(result)
      })

      // Where the relay knows how to be asked without a session, it is spared one.
      const forAgent = Effect.fnUntraced(function*(agent: AgentName) {
        const seed = Effect.succeed({ initialize: ownInitialize, replay: [] })
        const session = yield* relaySessions.make({ agent, era: "modern", seed })
        yield* orNone(fetched(session, yield* keyOf(agent)))
        const open = session.openNow()
        if (open !== undefined) yield* greeted(open.result)
      }, Effect.scoped)

      const recalled = Effect.fnUntraced(function*(agent: AgentName) {
        const list = yield* cached.find(yield* keyOf(agent), "tools/list")
        if (Option.isSome(list)) yield* client.listed(list.value.result)
      })

      const eachAgent = (look: (agent: AgentName) => Effect.Effect<void>) =>
        Effect.flatMap(agents.list, (names) => Effect.forEach(names, look, { concurrency: 16, discard: true }))
      const forAgents = eachAgent(forAgent)

      // What waits in the outbox may go out before the relay has listed anything again.
      yield* Effect.timeoutOption(eachAgent(recalled), settings.link.fallbackAfter)
      // An agent's first call needs its tool's schema, so nobody is served before the lists had their chance.
      if ((yield* link.state)._tag === "Up") yield* Effect.timeoutOption(forAgents, settings.link.fallbackAfter)

      return FreshList.of({
        fetch: Effect.fnUntraced(function*(session) {
          if ((yield* link.state)._tag === "Down") return Option.none()
          return yield* orNone(fetched(session.relay, yield* menu.key(session)))
        }),
        forAgents,
        prove: Effect.fnUntraced(function*(names) {
          const sharing = new Map<PrincipalId, AgentName>()
          for (const name of names) sharing.set(yield* token.principal(name), name)
          yield* Effect.forEach(sharing.values(), forAgent, { concurrency: 16, discard: true })
        })
      })
    })
  )
}

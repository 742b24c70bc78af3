/**
 * The lists as the relay last gave them, on disk, so that an agent that connects during an outage has a menu (BEHAVIOUR 2).
 *
 * Cached by relay, its URL, agent, principal, protocol version and client capabilities; where none is cached under that
 * exact key, the newest one for the same relay, URL, agent and principal serves, and then the one that Holdfast fetched by
 * itself for another agent of the same principal. Never one cached under another principal, or from another URL.
 */
import { Clock, Context, Duration, Effect, Layer, Option } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { RelayTarget } from "../config/Settings.ts"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"
import { itemsOf, type ListMethod } from "../domain/Methods.ts"
import { TextMemo } from "../domain/TextMemo.ts"
import { letOthersIn } from "../relay/transport/AnswerReading.ts"
import * as ListResult from "./ListResult.ts"
import { type ToolSpec, toolSpecs } from "./ToolSpec.ts"

export type { ToolSpec } from "./ToolSpec.ts"

export interface ListKey {
  readonly agent: AgentName
  readonly principal: PrincipalId
  readonly protocolVersion: string
  /** A digest of the client's capabilities. */
  readonly capabilities: string
}

/** Stands for the digest where Holdfast fetches a list by itself, without capabilities: good for any agent. */
export const ownCapabilities = "none"

export interface CachedList {
  /** Milliseconds since the epoch, whole. */
  readonly fetchedAt: number
  /** The result's text, all pages as one, unnarrowed. */
  readonly result: string
}

export interface RecentList extends CachedList {
  readonly agent: AgentName
}

/** A client that has not asked for so long before the newest list is taken for gone. */
const recentFor = Duration.toMillis("7 days")
/** Lists of principals and clients that are gone are dropped after this. */
const forgetAfter = Duration.toMillis("90 days")
/** A list that comes again unchanged is written again after this, for its time. */
const rewriteAfter = Duration.toMillis("1 minute")
/** Lists that are remembered in memory beside the disk, and their characters in all. */
const maxRemembered = 256
const maxCharacters = 64 * 1024 * 1024

interface Remembered extends CachedList {
  readonly agent: AgentName
  readonly writtenAt: number
}

/** One for each relay. Caching is best effort: a disk that fails costs a warning, never the call. */
export class CachedLists extends Context.Service<CachedLists, {
  /** In the order of the list before it, where that held the same items: as it is to be given to agents. */
  readonly save: (key: ListKey, method: ListMethod, result: string) => Effect.Effect<CachedList>
  readonly find: (key: ListKey, method: ListMethod) => Effect.Effect<Option.Option<CachedList>>
  /** Whether anybody was ever given such a list; also where that cannot be read. */
  readonly wasGiven: (method: ListMethod) => Effect.Effect<boolean>
  /** What the relay has offered lately, each agent's lists: those of the week before the newest one, the newest first. */
  readonly recent: (method: ListMethod) => Effect.Effect<ReadonlyArray<RecentList>, SqlError.SqlError>
  /** Drops the lists that were cached for this agent. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
  /** From the list that `find` would give; `None` where nothing is known of the tool. */
  readonly tool: (key: ListKey, name: string) => Effect.Effect<Option.Option<ToolSpec>>
}>()("holdfast/menu/CachedLists") {
  static readonly layer = Layer.effect(
    CachedLists,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { id: relay, url: { href: url } } = yield* RelayTarget
      /** By the key object, which its session keeps for as long as it is the same. */
      let specsByKey = new WeakMap<ListKey, ReadonlyMap<string, ToolSpec>>()
      const forgetSpecs = () => {
        specsByKey = new WeakMap()
      }
      const specsOf = new TextMemo(toolSpecs)
      /** Equal texts are the same string, so that what many agents have in common is held once. */
      const texts = new TextMemo((text) => text)

      /** What is on disk under these exact keys, but for a time that is newer here; least recently saved first. */
      const remembered = new Map<string, Remembered>()
      const nameOf = (key: ListKey, method: ListMethod) =>
        JSON.stringify([method, key.agent, key.principal, key.protocolVersion, key.capabilities])
      const remember = (name: string, list: Remembered) => {
        remembered.delete(name)
        remembered.set(name, list)
        let characters = 0
        for (const { result } of remembered.values()) characters += result.length
        for (const [oldest, { result }] of remembered) {
          if (oldest === name || (remembered.size <= maxRemembered && characters <= maxCharacters)) break
          remembered.delete(oldest)
          characters -= result.length
        }
      }

      const write = (key: ListKey, method: ListMethod, { fetchedAt, result }: CachedList) =>
        sql`INSERT INTO kept_lists ${
          sql.insert({
            relay,
            url,
            agent: key.agent,
            principal: key.principal,
            protocol_version: key.protocolVersion,
            capabilities: key.capabilities,
            method,
            result,
            fetched_at: fetchedAt
          })
        } ON CONFLICT DO UPDATE SET result = excluded.result, fetched_at = excluded.fetched_at`.pipe(
          Effect.andThen(
            sql`DELETE FROM kept_lists WHERE relay = ${relay} AND fetched_at < ${fetchedAt - forgetAfter}`
          ),
          sql.withTransaction
        )

      const read = (key: ListKey, method: ListMethod) =>
        sql<CachedList>`
          SELECT result, fetched_at AS fetchedAt FROM kept_lists
          WHERE relay = ${relay} AND url = ${url} AND principal = ${key.principal} AND method = ${method}
            AND (agent = ${key.agent} OR capabilities = ${ownCapabilities})
          ORDER BY
            agent = ${key.agent} AND protocol_version = ${key.protocolVersion} AND capabilities = ${key.capabilities} DESC,
            agent = ${key.agent} DESC,
            fetched_at DESC
          LIMIT 1`.pipe(Effect.map((rows) => Option.fromUndefinedOr(rows[0])))

      const warn = (message: string, key: ListKey, method: ListMethod) => (error: Error) =>
        Effect.logWarning(message, { relay, agent: key.agent, method, why: error.message })

      return CachedLists.of({
        save: Effect.fn("CachedLists.save")(function*(key, method, result) {
          const name = nameOf(key, method)
          const known = remembered.get(name)
          const before = known ?? Option.getOrUndefined(yield* Effect.orElseSucceed(read(key, method), Option.none))
          const ordered = before === undefined ? result : ListResult.inOrderOf(before.result, itemsOf[method], result)
          yield* letOthersIn(ordered)
          const list = { fetchedAt: Math.floor(yield* Clock.currentTimeMillis), result: texts.of(ordered) }
          const unchanged = known?.result === list.result
          if (unchanged && list.fetchedAt - known.writtenAt < rewriteAfter) {
            remember(name, { ...known, ...list })
            return list
          }
          remembered.delete(name)
          const written = yield* Effect.result(write(key, method, list))
          if (written._tag === "Success") {
            for (const [old, { fetchedAt }] of remembered) {
              if (fetchedAt < list.fetchedAt - forgetAfter) remembered.delete(old)
            }
            remember(name, { ...list, agent: key.agent, writtenAt: list.fetchedAt })
          } else yield* warn("a list could not be cached", key, method)(written.failure)
          if (method === "tools/list" && !unchanged) forgetSpecs()
          return list
        }),

        find: Effect.fn("CachedLists.find")(function*(key, method) {
          const known = remembered.get(nameOf(key, method))
          if (known !== undefined) return Option.some({ fetchedAt: known.fetchedAt, result: known.result })
          return yield* read(key, method).pipe(
            Effect.tapError(warn("the cached lists could not be read", key, method)),
            Effect.catch(() => Effect.succeedNone)
          )
        }),

        wasGiven: (method) =>
          sql`SELECT 1 FROM kept_lists WHERE relay = ${relay} AND url = ${url} AND method = ${method} LIMIT 1`.pipe(
            Effect.map((rows) => rows.length > 0),
            Effect.orElseSucceed(() => true)
          ),

        recent: (method) =>
          sql<RecentList>`
            SELECT agent, result, fetched_at AS fetchedAt FROM kept_lists
            WHERE relay = ${relay} AND url = ${url} AND method = ${method} AND fetched_at >= (
              SELECT max(fetched_at) FROM kept_lists WHERE relay = ${relay} AND url = ${url} AND method = ${method}
            ) - ${recentFor}
            ORDER BY fetched_at DESC`,

        forget: (agent) =>
          sql`DELETE FROM kept_lists WHERE relay = ${relay} AND agent = ${agent}`.pipe(
            Effect.andThen(Effect.sync(() => {
              forgetSpecs()
              for (const [name, list] of remembered) if (list.agent === agent) remembered.delete(name)
            })),
            Effect.catch((error) =>
              Effect.logWarning("cached lists could not be removed", { agent, why: error.message })
            )
          ),

        tool: Effect.fnUntraced(function*(key, name) {
          const known = specsByKey.get(key)
          if (known !== undefined) return Option.fromUndefinedOr(known.get(name))
          const list = yield* Effect.result(read(key, "tools/list"))
          if (list._tag === "Failure") {
            yield* warn("the cached lists could not be read", key, "tools/list")(list.failure)
            return Option.none()
          }
          const specs = Option.match(list.success, {
            onNone: () => new Map<string, ToolSpec>(),
            onSome: ({ result }) => specsOf.of(result)
          })
          specsByKey.set(key, specs)
          return Option.fromUndefinedOr(specs.get(name))
        })
      })
    })
  )
}

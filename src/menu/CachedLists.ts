/**
 * The lists as the relay last gave them, on disk, so that an agent that connects during an outage has a menu (BEHAVIOUR 2).
 *
 * Cached by relay, agent, principal, protocol version and client capabilities; where none is cached under that exact key,
 * the newest one for the same relay, agent and principal serves, and then the one that Holdfast fetched by itself for
 * another agent of the same principal. Never one cached under another principal.
 */
import { Clock, Context, Duration, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { RelayTarget } from "../config/Settings.ts"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"
import type { ListMethod } from "../domain/Methods.ts"
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

/** Lists of principals and clients that are gone are dropped after this. */
const forgetAfter = Duration.toMillis("90 days")

/** One for each relay. Caching is best effort: a disk that fails costs a warning, never the call. */
export class CachedLists extends Context.Service<CachedLists, {
  readonly save: (key: ListKey, method: ListMethod, result: string) => Effect.Effect<CachedList>
  readonly find: (key: ListKey, method: ListMethod) => Effect.Effect<Option.Option<CachedList>>
  /** Drops the lists that were cached for this agent. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
  /** From the list that `find` would give; `None` where nothing is known of the tool. */
  readonly tool: (key: ListKey, name: string) => Effect.Effect<Option.Option<ToolSpec>>
}>()("holdfast/menu/CachedLists") {
  static readonly layer = Layer.effect(
    CachedLists,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { id: relay } = yield* RelayTarget
      /** By the key object, which its session keeps for as long as it is the same. */
      let remembered = new WeakMap<ListKey, ReadonlyMap<string, ToolSpec>>()
      const forgetSpecs = () => {
        remembered = new WeakMap()
      }

      const write = (key: ListKey, method: ListMethod, { fetchedAt, result }: CachedList) =>
        sql`INSERT INTO kept_lists ${
          sql.insert({
            relay,
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
          WHERE relay = ${relay} AND principal = ${key.principal} AND method = ${method}
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
          const list = { fetchedAt: Math.floor(yield* Clock.currentTimeMillis), result }
          yield* Effect.catch(write(key, method, list), warn("a list could not be cached", key, method))
          if (method === "tools/list") forgetSpecs()
          return list
        }),

        find: Effect.fn("CachedLists.find")(function*(key, method) {
          return yield* read(key, method).pipe(
            Effect.tapError(warn("the cached lists could not be read", key, method)),
            Effect.catch(() => Effect.succeedNone)
          )
        }),

        forget: (agent) =>
          sql`DELETE FROM kept_lists WHERE relay = ${relay} AND agent = ${agent}`.pipe(
            Effect.andThen(Effect.sync(() => forgetSpecs())),
            Effect.catch((error) =>
              Effect.logWarning("cached lists could not be removed", { agent, why: error.message })
            )
          ),

        tool: Effect.fnUntraced(function*(key, name) {
          const known = remembered.get(key)
          if (known !== undefined) return Option.fromUndefinedOr(known.get(name))
          const list = yield* Effect.result(read(key, "tools/list"))
          if (list._tag === "Failure") {
            yield* warn("the cached lists could not be read", key, "tools/list")(list.failure)
            return Option.none()
          }
          const specs = Option.match(list.success, {
            onNone: () => new Map<string, ToolSpec>(),
            onSome: ({ result }) => toolSpecs(result)
          })
          remembered.set(key, specs)
          return Option.fromUndefinedOr(specs.get(name))
        })
      })
    })
  )
}

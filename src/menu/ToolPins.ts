/**
 * Pinned tools (BEHAVIOUR 2): where a relay's setting `pinTools` asks for it, an agent gets a tool only with a definition
 * that a person approved. A new tool is held back, and so is one whose definition changed since. That keeps a relay, or who
 * took it over, from talking to the agent by the description of a tool that was harmless when somebody looked.
 *
 * Several definitions of one tool may be approved at once, since a relay may show agents different ones. Approving one
 * ends the approval of those that the relay offers nobody any more.
 */
import { Clock, Context, Effect, Layer, Option, PubSub, Stream } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { RelayTarget } from "../config/Settings.ts"
import { TextMemo } from "../domain/TextMemo.ts"
import * as Metrics from "../observability/Metrics.ts"
import { definitionsIn, definitionsInTurns, type ToolDefinition } from "./ToolDefinitions.ts"

export interface Approved {
  readonly definition: string
  /** Milliseconds since the epoch, whole. */
  readonly approvedAt: number
}

export type Hold = "new" | "changed"

interface Row extends Approved {
  readonly tool: string
  readonly fingerprint: string
}

/** What a line of the log says of names that a relay chose, and how many definitions are remembered as logged. */
const maxNamed = 20
const maxName = 100
const maxLogged = 10_000

const longList = 1024 * 1024

const nowhere: ReadonlySet<number> = new Set()

/** One for each relay. */
export class ToolPins extends Context.Service<ToolPins, {
  readonly pinned: boolean
  /** Reads a long list in portions. Of the last few lists they are remembered. */
  readonly definitionsIn: (result: string) => Effect.Effect<ReadonlyArray<ToolDefinition>>
  /** Reads a long list in turns, so that what is asked of it afterwards holds nobody up. */
  readonly read: (result: string) => Effect.Effect<void>
  /** The places of the tools of a tools/list result that are held back; none where the relay's tools are not pinned. */
  readonly heldIn: (result: string) => ReadonlySet<number>
  /** Why a call of the tool is refused. `list`: the last one that the relay gave to who calls. */
  readonly holdOf: (tool: string, list: Option.Option<string>) => Option.Option<Hold>
  /** Whether a definition is approved, pinned or not. */
  readonly approval: (definition: ToolDefinition) => "approved" | Hold
  /** The tool's definition that was approved last. */
  readonly lastApproved: (tool: string) => Option.Option<Approved>
  /** How many definitions are approved. */
  readonly count: () => number
  /** Logs what a list brings that is held back, once. */
  readonly listed: (result: string) => Effect.Effect<void>
  /** `offered`: all definitions that the relay offers to anybody. On disk when it returns. */
  readonly approve: (
    chosen: ReadonlyArray<ToolDefinition>,
    offered: ReadonlyArray<ToolDefinition>
  ) => Effect.Effect<void, SqlError.SqlError>
  readonly changes: Stream.Stream<void>
}>()("holdfast/menu/ToolPins") {
  static readonly layer = Layer.effect(
    ToolPins,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { id: relay, pinTools = false, url: { href: url } } = yield* RelayTarget
      const changed = yield* PubSub.unbounded<void>()
      const definitions = new TextMemo(definitionsIn)
      const read = (result: string): Effect.Effect<void> =>
        result.length < longList || definitions.has(result) ? Effect.void : Effect.map(
          definitionsInTurns(result),
          (all) => void definitions.keep(result, all)
        )
      const logged = new Set<string>()
      let lastList: string | undefined

      const approved = new Map<string, Map<string, Approved>>()
      const remember = ({ tool, fingerprint, ...one }: Row) => {
        const ofTool = approved.get(tool) ?? new Map<string, Approved>()
        approved.set(tool, ofTool.set(fingerprint, one))
      }
      // What cannot be read is not approved, but a start that goes on without would hold back everything.
      const rows = yield* Effect.orDie(sql<Row>`
        SELECT tool, fingerprint, definition, approved_at AS approvedAt FROM approved_tools
        WHERE relay = ${relay} AND url = ${url} ORDER BY approved_at`)
      for (const row of rows) remember(row)

      const approval = ({ fingerprint, name }: ToolDefinition): "approved" | Hold => {
        const ofTool = approved.get(name)
        return ofTool === undefined ? "new" : ofTool.has(fingerprint) ? "approved" : "changed"
      }

      const heldIn = (result: string): ReadonlySet<number> =>
        pinTools
          ? new Set(definitions.of(result).flatMap((one, index) => approval(one) === "approved" ? [] : [index]))
          : nowhere

      yield* Metrics.observed(Metrics.toolsHeld, { relay }, () => lastList === undefined ? 0 : heldIn(lastList).size)

      return ToolPins.of({
        pinned: pinTools,
        definitionsIn: (result) => Effect.map(read(result), () => definitions.of(result)),
        read: (result) => pinTools ? read(result) : Effect.void,
        heldIn,
        approval,

        holdOf: (tool, list) => {
          if (!pinTools) return Option.none()
          const all = Option.match(list, {
            onNone: () => [],
            onSome: (result) => definitions.of(result).filter(({ name }) => name === tool)
          })
          // One that the list does not have is known by what was approved of it.
          const states = all.length === 0 ? [approved.has(tool) ? "approved" : "new"] as const : all.map(approval)
          return Option.fromUndefinedOr(states.find((state) => state !== "approved"))
        },

        lastApproved: (tool) => Option.fromUndefinedOr([...approved.get(tool)?.values() ?? []].at(-1)),
        count: () => [...approved.values()].reduce((sum, ofTool) => sum + ofTool.size, 0),

        listed: Effect.fnUntraced(function*(result) {
          if (!pinTools || result === lastList) return
          lastList = result
          const fresh = definitions.of(result).flatMap((one) => {
            const state = approval(one)
            return state === "approved" || logged.has(one.fingerprint) ? [] : [{ ...one, state }]
          })
          if (fresh.length === 0) return
          if (logged.size > maxLogged) logged.clear()
          for (const { fingerprint } of fresh) logged.add(fingerprint)
          const named = (wanted: Hold) => fresh.filter(({ state }) => state === wanted).map(({ name }) => name)
          yield* Effect.logWarning(
            "tools are held back until somebody approves them: \"holdfast tools diff\" shows them",
            { relay, changed: some(named("changed")), new: some(named("new")) }
          )
        }),

        approve: Effect.fn("ToolPins.approve")(function*(chosen, offered) {
          const approvedAt = Math.floor(yield* Clock.currentTimeMillis)
          const tools = new Set(chosen.map(({ name }) => name))
          const kept = new Set(offered.map(({ fingerprint }) => fingerprint))
          const added = chosen.map(({ fingerprint, name: tool, text: definition }): Row => ({
            tool,
            fingerprint,
            definition,
            approvedAt
          }))
          const gone = [...tools].flatMap((tool) =>
            [...approved.get(tool)?.keys() ?? []].filter((known) => !kept.has(known)).map((known) => ({ tool, known }))
          )
          yield* Effect.gen(function*() {
            for (const { known, tool } of gone) {
              yield* sql`DELETE FROM approved_tools
                WHERE relay = ${relay} AND url = ${url} AND tool = ${tool} AND fingerprint = ${known}`
            }
            for (const { definition, fingerprint, tool } of added) {
              yield* sql`INSERT INTO approved_tools ${
                sql.insert({ relay, url, tool, fingerprint, definition, approved_at: approvedAt })
              } ON CONFLICT DO UPDATE SET approved_at = excluded.approved_at`
            }
          }).pipe(sql.withTransaction)
          for (const { known, tool } of gone) approved.get(tool)?.delete(known)
          for (const row of added) {
            approved.get(row.tool)?.delete(row.fingerprint)
            remember(row)
          }
          yield* Effect.logInfo("tools were approved", {
            relay,
            tools: chosen.map(({ fingerprint, name }) => `${short(name)} ${fingerprint}`).join(", "),
            ended: gone.map(({ known, tool }) => `${short(tool)} ${known}`).join(", ")
          })
          yield* PubSub.publish(changed, undefined)
          // A command that goes away half-way leaves nothing half approved.
        }, Effect.uninterruptible),

        changes: Stream.fromPubSub(changed)
      })
    })
  )
}

const short = (name: string): string => name.length > maxName ? `${name.slice(0, maxName)}…` : name

const some = (names: ReadonlyArray<string>): string =>
  names.slice(0, maxNamed).map(short).join(", ") +
  (names.length > maxNamed ? ` and ${names.length - maxNamed} more` : "")

/**
 * The outbox on disk, as the rest of the room sees it; `SqliteStore` keeps it in SQLite, and an embedding program may put
 * another in its place (BEHAVIOUR 12).
 *
 * A write returns once it is committed; those that are asked for together share a commit. Nothing that was committed is
 * lost in a crash or a power cut, but for one thing: a power cut may take back that an entry of `resend` was claimed or
 * delivered. Then it is sent again, under its key and in its order.
 */
import { Context, Data, type Effect, type Option } from "effect"
import type { SqlError } from "effect/sql"
import type { AgentName, PrincipalId } from "../../domain/Ids.ts"
import type { Entry, EntryFilter, EntryUpdate } from "../Entry.ts"
import type { Change, Row } from "./Row.ts"

/** An accepted call, about to be written. */
export type NewEntry =
  & Pick<Entry, "seq" | "agent" | "lane" | "tool" | "key" | "request" | "bytes" | "principal" | "onUnknown" | "epoch">
  & {
    readonly argumentsHash: string
    readonly occurredAt: number
    readonly attempts: number
  }

export type Claim = Data.TaggedEnum<{
  Claimed: {
    readonly entry: Entry
    /** Counted retries before this attempt. */
    readonly failures: number
  }
  /** The head may not be sent before. */
  Later: { readonly at: number }
  /** The head was accepted for another principal or relay. */
  Elsewhere: {}
  Empty: {}
}>
export const Claim = Data.taggedEnum<Claim>()

type Done<A> = Effect.Effect<A, SqlError.SqlError>

/** How many rows one commit may touch where their number is not the caller's. */
export const batchSize = 200

/** One for each relay. What was in flight when the last process ended is recovered before anybody sees it. */
export class OutboxStore extends Context.Service<OutboxStore, {
  /**
   * Calls with each row that is there and not delivered, then with each change right after its commit, before the write
   * returns. Gives the last place that one of those has, and how many are delivered.
   */
  readonly observe: (
    onChange: (change: Change) => void
  ) => Done<{ readonly lastSeq: number; readonly delivered: number }>
  /** Whether the last write worked. */
  readonly writable: () => boolean

  readonly insert: (entry: NewEntry, update: EntryUpdate) => Done<Entry>
  /** Puts the head of a lane in flight, unless its place is `before` or later. */
  readonly claim: (lane: string, principal: PrincipalId, before: number) => Done<Claim>
  /** Of an entry in flight. */
  readonly settle: (entry: Entry, update: EntryUpdate) => Done<void>
  /** Of an entry in flight; puts the head of its lane in flight within the same commit, as `claim` does. */
  readonly settleAndClaim: (
    entry: Entry,
    update: EntryUpdate,
    principal: PrincipalId,
    before: number
  ) => Done<Claim>
  /** The head of a lane waits until then. */
  readonly pause: (lane: string, until: number, why: string) => Done<void>
  readonly byKey: (agent: AgentName, tool: string, key: string) => Done<Option.Option<Row>>
  /** Its place among those of its lane that wait or are in flight, from 1. */
  readonly position: (row: Row) => Done<number>
  readonly find: (id: number) => Done<Option.Option<Entry>>
  readonly list: (filter: EntryFilter) => Done<ReadonlyArray<Entry>>

  /**
   * Bound to the principal in force and with its retries anew. Dead and parked ones go to `tail`, a place behind all
   * others; one that holds its lane keeps its place and is tried at once.
   */
  readonly retry: (id: number, principal: PrincipalId, tail: number) => Done<boolean>
  readonly discard: (id: number) => Done<boolean>
  /** Makes dead letters of pending entries that were accepted before; at most `batchSize`. */
  readonly expire: (before: number, reason: string) => Done<ReadonlyArray<Entry>>
  /** Removes delivered ones that were settled before, at most `batchSize`; how many. */
  readonly purge: (before: number) => Done<number>
  /** Removes these, as far as they are delivered. */
  readonly removeDelivered: (ids: ReadonlyArray<number>) => Done<void>
  /**
   * Parks what was accepted for another principal or relay, and returns what was parked to its old place. What was
   * accepted before anybody was known becomes this principal's.
   */
  readonly rebind: (agent: AgentName, principal: PrincipalId) => Done<void>
  /** Entries that hold their lane are tried at once. */
  readonly freeHeld: (agent: AgentName) => Done<void>
  /** Dead letters that the agent does not know of, reported from now on. */
  readonly takeUnreported: (agent: AgentName) => Done<ReadonlyArray<Entry>>
  /** Delivered ones of these tools, the oldest first. */
  readonly deliveredOf: (isOne: (tool: string) => boolean) => Done<ReadonlyArray<Entry>>
  /** How many of the agent's entries are not delivered. */
  readonly undelivered: (agent: AgentName) => Done<number>
  /** The agent's delivered ones go: nobody of the same name is answered from them. */
  readonly forget: (agent: AgentName) => Done<void>
}>()("holdfast/outbox/OutboxStore") {}

/** Stores contexts: each agent's state, its history, its facts, and the deliveries that it reacted to. */
import { Clock, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { AgentName, type RelayId } from "../domain/Ids.ts"
import { type ContextEvent, ContextState } from "./ContextState.ts"

export interface HistoryEntry {
  readonly at: number
  readonly event: string
  readonly cause: string
  readonly state: ContextState
}

/** `epoch` is the last worktree's, also after Detach. */
export interface Known {
  readonly state: ContextState
  readonly epoch: number
}

/** A delivered entry of the outbox. */
export interface Delivery {
  readonly relay: RelayId
  readonly entry: number
}

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

const StateText = Schema.fromJsonString(ContextState)
const encodeState = Schema.encodeEffect(StateText)
const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ agent: AgentName, state: StateText, epoch: Schema.Int }))
)
const decodeFacts = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ agent: AgentName, fact: Schema.String })))
const decodeHistory = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ at: Schema.Int, event: Schema.String, cause: Schema.String, state: StateText }))
)

/** A failing disk is a defect: a change that is not on disk did not happen. */
export const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient

  const record = Effect.fnUntraced(function*(agent: AgentName, event: string, cause: string, state: ContextState) {
    yield* sql`INSERT INTO context_history (agent, at, event, cause, state)
      VALUES (${agent}, ${yield* now}, ${event}, ${cause}, ${yield* encodeState(state)})`
  })

  const hear = ({ entry, relay }: Delivery) =>
    sql`INSERT INTO context_reactions (relay, entry) VALUES (${relay}, ${entry})`

  return {
    contexts: Effect.orDie(Effect.flatMap(sql`SELECT agent, state, epoch FROM contexts`, decodeRows)),
    facts: Effect.orDie(Effect.flatMap(sql`SELECT * FROM context_facts`, decodeFacts)),
    /** Stores the change and the delivery that caused it, if one did: both or neither. */
    write: Effect.fnUntraced(
      function*(
        agent: AgentName,
        { epoch, state }: Known,
        event: ContextEvent,
        cause: string,
        delivery: Delivery | undefined
      ) {
        yield* sql`INSERT INTO contexts (agent, state, epoch, changed_at)
          VALUES (${agent}, ${yield* encodeState(state)}, ${epoch}, ${yield* now})
          ON CONFLICT (agent) DO UPDATE SET state = excluded.state, epoch = excluded.epoch, changed_at = excluded.changed_at`
        yield* record(agent, event._tag, cause, state)
        if (delivery !== undefined) yield* hear(delivery)
      },
      sql.withTransaction,
      Effect.orDie
    ),
    writeFact: Effect.fnUntraced(
      function*(agent: AgentName, fact: string, holds: boolean, cause: string, state: ContextState) {
        yield* holds
          ? sql`INSERT INTO context_facts (agent, fact, set_at) VALUES (${agent}, ${fact}, ${yield* now})`
          : sql`DELETE FROM context_facts WHERE agent = ${agent} AND fact = ${fact}`
        yield* record(agent, `${holds ? "SetFact" : "ClearFact"} ${fact}`, cause, state)
      },
      sql.withTransaction,
      Effect.orDie
    ),
    heard: ({ entry, relay }: Delivery) =>
      sql`SELECT 1 FROM context_reactions WHERE relay = ${relay} AND entry = ${entry}`.pipe(
        Effect.map((rows) => rows.length > 0),
        Effect.orDie
      ),
    hear: (delivery: Delivery) => Effect.orDie(hear(delivery)),
    forgetDeliveries: (relay: RelayId, but: ReadonlyArray<number>) =>
      Effect.orDie(sql`DELETE FROM context_reactions
        WHERE relay = ${relay} AND entry NOT IN (SELECT value FROM json_each(${JSON.stringify(but)}))`),
    forget: Effect.fnUntraced(
      function*(agent: AgentName) {
        yield* sql`DELETE FROM contexts WHERE agent = ${agent}`
        yield* sql`DELETE FROM context_history WHERE agent = ${agent}`
        yield* sql`DELETE FROM context_facts WHERE agent = ${agent}`
      },
      sql.withTransaction,
      Effect.orDie
    ),
    history: Effect.fnUntraced(
      function*(agent: AgentName, limit: number) {
        const rows = yield* sql`SELECT at, event, cause, state FROM context_history
          WHERE agent = ${agent} ORDER BY id DESC LIMIT ${limit}`
        return yield* decodeHistory(rows)
      },
      Effect.orDie
    )
  }
})

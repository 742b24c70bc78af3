/** Agents and the digests of their secrets on disk. A disk that fails here is a defect: nobody may speak unrecorded. */
import { Clock, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { AgentName } from "../domain/Ids.ts"

/** A secret that is good while its holder lives; known by the secret's digest in hexadecimal. */
export interface Lease {
  readonly id: string
  readonly agent: AgentName
  /** The holder's process id. */
  readonly holder: number
  /** When it started, as `startOf` gives it; `undefined` where the system does not tell. */
  readonly holderStart: number | undefined
  /** The holder started its agent so that it obeys list_changed. */
  readonly obeysListChanged: boolean
}

export const hex = (digest: Uint8Array): string => Buffer.from(digest).toString("hex")

const AgentRows = Schema.Array(Schema.Struct({
  name: AgentName,
  ephemeral: Schema.Int,
  removed_at: Schema.NullOr(Schema.Int)
}))
const SecretRows = Schema.Array(Schema.Struct({
  agent: AgentName,
  hash: Schema.String,
  holder: Schema.NullOr(Schema.Int),
  holder_start: Schema.NullOr(Schema.Int),
  obeys_list_changed: Schema.Int
}))

const now = Effect.map(Clock.currentTimeMillis, Math.floor)

export const make = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient

  const addSecret = Effect.fnUntraced(function*(agent: AgentName, digest: Uint8Array, lease: Lease | undefined) {
    yield* sql`INSERT INTO agent_secrets (hash, agent, created_at, holder, holder_start, obeys_list_changed)
      VALUES (${hex(digest)}, ${agent}, ${yield* now}, ${lease?.holder ?? null}, ${lease?.holderStart ?? null}, ${
      lease?.obeysListChanged ? 1 : 0
    })`
  })

  return {
    agents: Effect.orDie(Effect.flatMap(sql`SELECT * FROM agents`, Schema.decodeUnknownEffect(AgentRows))),
    secrets: Effect.orDie(Effect.flatMap(sql`SELECT * FROM agent_secrets`, Schema.decodeUnknownEffect(SecretRows))),
    add: Effect.fnUntraced(
      function*(name: AgentName, ephemeral: boolean, digest: Uint8Array, lease?: Lease) {
        yield* sql`INSERT INTO agents (name, created_at, ephemeral) VALUES (${name}, ${yield* now}, ${
          ephemeral ? 1 : 0
        })`
        yield* addSecret(name, digest, lease)
      },
      sql.withTransaction,
      Effect.orDie
    ),
    addLease: (digest: Uint8Array, lease: Lease) => Effect.orDie(addSecret(lease.agent, digest, lease)),
    removeSecret: (hash: string) => Effect.orDie(sql`DELETE FROM agent_secrets WHERE hash = ${hash}`),
    /** Keeps the name, without a secret. */
    remove: Effect.fnUntraced(
      function*(name: AgentName) {
        yield* sql`DELETE FROM agent_secrets WHERE agent = ${name}`
        yield* sql`UPDATE agents SET removed_at = ${yield* now} WHERE name = ${name}`
      },
      sql.withTransaction,
      Effect.orDie
    ),
    forget: (name: AgentName) => Effect.orDie(sql`DELETE FROM agents WHERE name = ${name}`)
  }
})

/**
 * Who may speak to the endpoint: names, and secrets that are kept hashed (BEHAVIOUR 1).
 *
 * `default` always exists; its secret is a file's or the environment's, the others' are told once and then known by
 * their hash alone.
 */
import { Clock, Context, Effect, Layer, Option, Redacted, Schema, Semaphore } from "effect"
import { SqlClient } from "effect/sql"
import { timingSafeEqual } from "node:crypto"
import { AgentName, defaultAgent } from "../domain/Ids.ts"
import * as AgentSecret from "./AgentSecret.ts"

export class AgentExists extends Schema.TaggedError<AgentExists>()("AgentExists", { name: Schema.String }) {
  override get message(): string {
    return `agent "${this.name}" exists already; remove it first, or choose another name`
  }
}
export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", { name: Schema.String }) {
  override get message(): string {
    return `no agent is called "${this.name}"; "holdfast agents list" shows them`
  }
}
export class DefaultAgentStays extends Schema.TaggedError<DefaultAgentStays>()("DefaultAgentStays", {}) {
  override get message(): string {
    return `the agent "${defaultAgent}" cannot be removed; to change its secret, stop the daemon, delete agent-secret in `
      + "its data directory, and start it again"
  }
}

export class Agents extends Context.Service<Agents, {
  /** The agent whose secret this is; compared in constant time with every secret that is known. */
  readonly authenticate: (secret: string) => Effect.Effect<Option.Option<AgentName>>
  /** `default` first, then by name. */
  readonly list: Effect.Effect<ReadonlyArray<AgentName>>
  /** The new secret, told this once. */
  readonly add: (name: AgentName) => Effect.Effect<Redacted.Redacted, AgentExists>
  /** Its secrets are refused from now on. */
  readonly remove: (name: AgentName) => Effect.Effect<void, UnknownAgent | DefaultAgentStays>
}>()("holdfast/agents/Agents") {
  static readonly layer = Layer.effect(
    Agents,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const writing = yield* Semaphore.make(1)
      const ofDefault = AgentSecret.digestOf(Redacted.value(yield* AgentSecret.ofDefaultAgent))
      const known = yield* Effect.orDie(Effect.flatMap(
        sql`SELECT name, hash FROM agents LEFT JOIN agent_secrets ON agent = name ORDER BY name`,
        decodeRows
      ))
      let names: ReadonlySet<AgentName> = new Set([defaultAgent, ...known.map(({ name }) => name)])
      let secrets: ReadonlyArray<Secret> = [
        { agent: defaultAgent, digest: ofDefault },
        ...known.flatMap(({ hash, name }) =>
          hash === null ? [] : [{ agent: name, digest: Uint8Array.from(Buffer.from(hash, "hex")) }]
        )
      ]

      const insert = Effect.fnUntraced(function*(name: AgentName, digest: Uint8Array) {
        const at = Math.floor(yield* Clock.currentTimeMillis)
        const hash = Buffer.from(digest).toString("hex")
        yield* sql`INSERT INTO agents (name, created_at) VALUES (${name}, ${at})`
        yield* sql`INSERT INTO agent_secrets (hash, agent, created_at) VALUES (${hash}, ${name}, ${at})`
      }, sql.withTransaction)

      return Agents.of({
        authenticate: (secret) =>
          Effect.sync(() => {
            const digest = AgentSecret.digestOf(secret)
            let found = Option.none<AgentName>()
            // To the end also after a match: how long it takes must not tell which one it was.
            for (const candidate of secrets) {
              if (timingSafeEqual(candidate.digest, digest)) found = Option.some(candidate.agent)
            }
            return found
          }),

        list: Effect.sync(() => [...names]),

        add: Effect.fn("Agents.add")(
          function*(name: AgentName) {
            if (names.has(name)) return yield* new AgentExists({ name })
            const secret = yield* AgentSecret.mint
            const digest = AgentSecret.digestOf(Redacted.value(secret))
            yield* Effect.orDie(insert(name, digest))
            names = inOrder([...names, name])
            secrets = [...secrets, { agent: name, digest }]
            return secret
          },
          Effect.uninterruptible,
          writing.withPermit
        ),

        remove: Effect.fn("Agents.remove")(
          function*(name: AgentName) {
            if (name === defaultAgent) return yield* new DefaultAgentStays()
            if (!names.has(name)) return yield* new UnknownAgent({ name })
            yield* Effect.orDie(sql`DELETE FROM agents WHERE name = ${name}`)
            names = inOrder([...names].filter((other) => other !== name))
            secrets = secrets.filter(({ agent }) => agent !== name)
          },
          Effect.uninterruptible,
          writing.withPermit
        )
      })
    })
  )
}

interface Secret {
  readonly agent: AgentName
  readonly digest: Uint8Array
}

const inOrder = (names: ReadonlyArray<AgentName>): ReadonlySet<AgentName> =>
  new Set([defaultAgent, ...names.filter((name) => name !== defaultAgent).sort()])

const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ name: AgentName, hash: Schema.NullOr(Schema.String) }))
)

/**
 * Who may speak to the endpoint: names, and secrets that are kept hashed (BEHAVIOUR 1).
 *
 * `default` always exists; its secret is a file's or the environment's, the others' are told once and then known by
 * their hash alone. A secret that was leased is good until it is released or its holder is gone.
 */
import { Context, Effect, Layer, Option, Redacted, Schema, Semaphore } from "effect"
import { timingSafeEqual } from "node:crypto"
import { type AgentName, defaultAgent } from "../domain/Ids.ts"
import { Happenings, ofAgent } from "../observability/Happenings.ts"
import { startOf } from "../supervision/HostProcess.ts"
import * as AgentSecret from "./AgentSecret.ts"
import * as AgentTable from "./AgentTable.ts"
import type { Lease } from "./AgentTable.ts"

export class AgentExists extends Schema.TaggedError<AgentExists>()("AgentExists", {
  name: Schema.String,
  /** The one that exists: it may differ in case, and be the same file where a file system tells no case apart. */
  present: Schema.String
}) {
  override get message(): string {
    return this.present === this.name
      ? `agent "${this.name}" exists already; remove it first, or choose another name`
      : `agent "${this.present}" exists already, and "${this.name}" differs from it in case alone; choose another name`
  }
}
export class AgentLeaving extends Schema.TaggedError<AgentLeaving>()("AgentLeaving", { name: Schema.String }) {
  override get message(): string {
    return `an agent "${this.name}" was removed and its queue is not empty: wait until that is delivered, or discard it `
      + `with "holdfast outbox discard --all --agent ${this.name}"`
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

export type { Lease } from "./AgentTable.ts"

export interface LeaseRequest {
  readonly agent: AgentName
  /** The agent comes and goes with this lease. */
  readonly ephemeral: boolean
  readonly holder: number
  readonly obeysListChanged: boolean
}

/** What a secret opened. */
export interface Access {
  readonly agent: AgentName
  /** Which run of the agent shows it, where each has a secret of its own. */
  readonly run?: string | undefined
  /** Whether the secret is still good: its agent may be removed meanwhile, or its lease end. */
  readonly isValid: () => boolean
}

/** What an agent needs besides its secret before it may speak: the embedded relay mints a token for each. */
export interface Provisioning {
  /** Before the agent's first request, at each start and with each agent that is added. */
  readonly provide: (agent: AgentName) => Effect.Effect<void>
  /** Once nothing of the agent is left. */
  readonly withdraw: (agent: AgentName) => Effect.Effect<void>
}

export const AgentProvisioning = Context.Reference<Provisioning>("holdfast/agents/AgentProvisioning", {
  defaultValue: () => ({ provide: () => Effect.void, withdraw: () => Effect.void })
})

export class Agents extends Context.Service<Agents, {
  /** Whose secret this is; compared in constant time with every secret that is known. */
  readonly authenticate: (secret: string) => Access | undefined
  /** `default` first, then by name. */
  readonly list: Effect.Effect<ReadonlyArray<AgentName>>
  /** Removed ones that still have a queue. */
  readonly leaving: Effect.Effect<ReadonlyArray<AgentName>>
  /** The new secret, told this once. */
  readonly add: (name: AgentName) => Effect.Effect<Redacted.Redacted, AgentExists | AgentLeaving>
  /** A further secret of an agent, or an agent for this one secret. */
  readonly lease: (
    request: LeaseRequest
  ) => Effect.Effect<
    { readonly lease: Lease; readonly secret: Redacted.Redacted },
    AgentExists | AgentLeaving | UnknownAgent
  >
  /** Its secret is refused from now on; an ephemeral agent that this leaves without one has to be removed. */
  readonly release: (id: string) => Effect.Effect<{ readonly deserted: Option.Option<AgentName> }>
  readonly leases: Effect.Effect<ReadonlyArray<Lease>>
  /** Tells, at any time, whether an agent was started so that it obeys list_changed, whatever its client's name says. */
  readonly obeying: Effect.Effect<(agent: AgentName) => boolean>
  /** Its secrets are refused from now on. The name stays taken until `forget`. */
  readonly remove: (name: AgentName) => Effect.Effect<void, UnknownAgent | DefaultAgentStays>
  /** Nothing of a removed agent is left: its name is free. */
  readonly forget: (name: AgentName) => Effect.Effect<void>
}>()("holdfast/agents/Agents") {
  static readonly layer = Layer.effect(
    Agents,
    Effect.gen(function*() {
      const table = yield* AgentTable.make
      const provisioning = yield* AgentProvisioning
      const happenings = yield* Happenings
      const writing = yield* Semaphore.make(1)
      const rows = yield* table.agents
      const names = new Set(rows.flatMap(({ name, removed_at }) => removed_at === null ? [name] : []))
      const leaving = new Set(rows.flatMap(({ name, removed_at }) => removed_at === null ? [] : [name]))
      const ephemeral = new Set(rows.flatMap((row) => row.ephemeral === 1 ? [row.name] : []))
      names.add(defaultAgent)
      const secrets = new Map<string, Secret>()
      const ofDefault = AgentSecret.digestOf(Redacted.value(yield* AgentSecret.ofDefaultAgent))
      secrets.set(AgentTable.hex(ofDefault), { agent: defaultAgent, digest: ofDefault, lease: undefined })
      for (const { agent, hash, holder, holder_start, obeys_list_changed } of yield* table.secrets) {
        const lease = holder === null
          ? undefined
          : {
            id: hash,
            agent,
            holder,
            holderStart: holder_start ?? undefined,
            obeysListChanged: obeys_list_changed === 1
          }
        secrets.set(hash, { agent, digest: Uint8Array.from(Buffer.from(hash, "hex")), lease })
      }
      yield* Effect.forEach([...names, ...leaving], provisioning.provide, { discard: true })

      const leases = () => [...secrets.values()].flatMap(({ lease }) => lease === undefined ? [] : [lease])
      const mint = Effect.map(AgentSecret.mint, (secret) => ({
        secret,
        digest: AgentSecret.digestOf(Redacted.value(secret))
      }))
      const free = (name: AgentName) => {
        if (leaving.has(name)) return Effect.fail(new AgentLeaving({ name }))
        const caseless = name.toLowerCase()
        const present = [...names, ...leaving].find((other) => other.toLowerCase() === caseless)
        return present === undefined ? Effect.void : Effect.fail(new AgentExists({ name, present }))
      }
      const oneAtATime = <A, E>(effect: Effect.Effect<A, E>) => writing.withPermit(Effect.uninterruptible(effect))

      return Agents.of({
        authenticate: (secret) => {
          const digest = AgentSecret.digestOf(secret)
          let found: readonly [id: string, secret: Secret] | undefined
          // To the end also after a match: how long it takes must not tell which one it was.
          for (const known of secrets) if (timingSafeEqual(known[1].digest, digest)) found = known
          if (found === undefined) return undefined
          const [id, known] = found
          return {
            agent: known.agent,
            run: known.lease === undefined ? undefined : id,
            isValid: () => secrets.get(id) === known
          }
        },

        list: Effect.sync(() => [defaultAgent, ...[...names].filter((name) => name !== defaultAgent).sort()]),
        leaving: Effect.sync(() => [...leaving].sort()),
        leases: Effect.sync(leases),
        obeying: Effect.succeed((agent) => leases().some((lease) => lease.agent === agent && lease.obeysListChanged)),

        add: Effect.fn("Agents.add")(function*(name: AgentName) {
          yield* free(name)
          const { digest, secret } = yield* mint
          yield* provisioning.provide(name)
          yield* table.add(name, false, digest)
          names.add(name)
          secrets.set(AgentTable.hex(digest), { agent: name, digest, lease: undefined })
          return secret
        }, oneAtATime),

        lease: Effect.fn("Agents.lease")(function*({ agent, holder, obeysListChanged, ...request }: LeaseRequest) {
          const { digest, secret } = yield* mint
          const lease: Lease = {
            id: AgentTable.hex(digest),
            agent,
            holder,
            holderStart: startOf(holder),
            obeysListChanged
          }
          if (request.ephemeral) {
            yield* free(agent)
            yield* provisioning.provide(agent)
            yield* table.add(agent, true, digest, lease)
            names.add(agent)
            ephemeral.add(agent)
          } else {
            if (!names.has(agent)) return yield* new UnknownAgent({ name: agent })
            yield* table.addLease(digest, lease)
          }
          secrets.set(lease.id, { agent, digest, lease })
          happenings.tell("run.started", ofAgent(agent), runOf(lease))
          return { lease, secret }
        }, oneAtATime),

        release: Effect.fn("Agents.release")(function*(id: string) {
          const lease = secrets.get(id)?.lease
          if (lease === undefined) return { deserted: Option.none<AgentName>() }
          yield* table.removeSecret(id)
          secrets.delete(id)
          const { agent } = lease
          happenings.tell("run.finished", ofAgent(agent), runOf(lease))
          const deserted = ephemeral.has(agent) && !leases().some((other) => other.agent === agent)
          return { deserted: deserted ? Option.some(agent) : Option.none<AgentName>() }
        }, oneAtATime),

        remove: Effect.fn("Agents.remove")(function*(name: AgentName) {
          if (name === defaultAgent) return yield* new DefaultAgentStays()
          if (!names.has(name)) return yield* new UnknownAgent({ name })
          yield* table.remove(name)
          names.delete(name)
          leaving.add(name)
          for (const [id, { agent, lease }] of secrets) {
            if (agent !== name) continue
            secrets.delete(id)
            if (lease !== undefined) happenings.tell("run.finished", ofAgent(agent), runOf(lease))
          }
        }, oneAtATime),

        forget: Effect.fn("Agents.forget")(function*(name: AgentName) {
          if (!leaving.has(name)) return
          yield* table.forget(name)
          yield* provisioning.withdraw(name)
          leaving.delete(name)
          ephemeral.delete(name)
        }, oneAtATime)
      })
    })
  )
}

/** Names the run by the beginning of the secret's digest, which tells nothing of the secret. */
const runOf = ({ holder, id }: Lease) => ({ run: id.slice(0, 12), holder })

interface Secret {
  readonly agent: AgentName
  readonly digest: Uint8Array
  readonly lease: Lease | undefined
}

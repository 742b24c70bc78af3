/**
 * The relays that are served at this moment: the endpoint finds one by its name, the admin API lists them, a reload reads
 * them anew from the configuration.
 *
 * A reload serves at once each relay that came, ends each that went, and ends and builds anew each that changed: all of
 * it or nothing. Nobody else notices. The default relay stays as it is, since a flag or `--embedded` may have named it: it changes with a new
 * start, as all other settings do.
 */
import { Context, Effect, Equal, Layer, Schema, type Scope, Semaphore } from "effect"
import type { RelayTarget } from "../config/Settings.ts"
import { type AgentName, defaultRelay, type RelayId } from "../domain/Ids.ts"
import type { CachedLists } from "../menu/CachedLists.ts"
import type { ToolPins } from "../menu/ToolPins.ts"
import type { Outbox } from "../outbox/Outbox.ts"
import type { RelayLink } from "../relay/link/RelayLink.ts"
import type { Results } from "../results/Results.ts"
import * as ScopedMap from "../supervision/ScopedMap.ts"
import type { LiveToken } from "../token/LiveToken.ts"
import type { Gateway } from "./Gateway.ts"
import type { AgentSessions } from "./sessions/AgentSessions.ts"

type Target = RelayTarget["Service"]

export class CannotReload extends Schema.TaggedError<CannotReload>()("CannotReload", { detail: Schema.String }) {
  override get message(): string {
    return `the relays stay as they are: ${this.detail}`
  }
}

/** What belongs to one relay, as the endpoint and the admin API use it. */
export interface Relay {
  readonly id: RelayId
  readonly url: URL
  readonly gateway: Gateway["Service"]
  readonly sessions: AgentSessions["Service"]
  readonly cachedLists: CachedLists["Service"]
  readonly pins: ToolPins["Service"]
  readonly outbox: Outbox["Service"]
  readonly results: Results["Service"]
  readonly link: RelayLink["Service"]
  readonly token: LiveToken["Service"]
  /** Asks the relay something with the agent's token, for up to 5 s, so that its status says whether the relay takes it. */
  readonly prove: (agent: AgentName) => Effect.Effect<void>
  /** Refetches the lists of all sessions, and notifies each session whose own view differs. */
  readonly refreshTools: Effect.Effect<void>
}

export interface Reloaded {
  /** All that are served now. */
  readonly relays: ReadonlyArray<RelayId>
  readonly added: ReadonlyArray<RelayId>
  readonly changed: ReadonlyArray<RelayId>
  readonly removed: ReadonlyArray<{ readonly relay: RelayId; readonly undelivered: number }>
  /** Settings that differ from those in force, by name: they count from the next start on. */
  readonly needRestart: ReadonlyArray<string>
}

export interface Found {
  readonly relays: ReadonlyArray<Target>
  readonly needRestart: ReadonlyArray<string>
}

/** Reads the configuration anew; its failure says why it cannot. */
export type Reread = Effect.Effect<Found, { readonly message: string }>

export interface RegistryOptions<E, R> {
  /** Served from the start. */
  readonly relays: ReadonlyArray<Target>
  readonly reread: Reread
  /** Builds one relay in its scope. The relays never wait for each other. */
  readonly build: (target: Target) => Effect.Effect<Relay, E, R>
}

export class RelayRegistry extends Context.Service<RelayRegistry, {
  /** In the order in which they came. */
  readonly list: Effect.Effect<ReadonlyArray<Relay>>
  readonly find: (name: string) => Relay | undefined
  /** One at a time. Where it fails, the relays are as they were: one that had to end for it is built as it was. */
  readonly reload: Effect.Effect<Reloaded, CannotReload>
}>()("holdfast/mcp/RelayRegistry") {
  static readonly layer = <E extends { readonly message: string }, R>(options: RegistryOptions<E, R>) =>
    Layer.effect(RelayRegistry, make(options))
}

const make = Effect.fnUntraced(function*<E extends { readonly message: string }, R>(
  { build, relays, reread }: RegistryOptions<E, R | Scope.Scope>
) {
  let present: Targets = byName(relays)
  const served = yield* ScopedMap.make((id: string) =>
    Effect.flatMap(Effect.orDie(Effect.fromNullishOr(present.get(id))), build)
  )
  const oneAtATime = yield* Semaphore.make(1)

  /** Ends a relay; how many of its calls are not delivered. */
  const stop = Effect.fnUntraced(function*(id: RelayId) {
    let undelivered = 0
    yield* served.remove(id, (relay) =>
      Effect.gen(function*() {
        yield* shutdown(relay)
        const { dead, held, inflight, pending } = yield* relay.outbox.stats
        undelivered = dead + held + inflight + pending
      }))
    return undelivered
  })

  /** Builds `coming` as `targets` has them, or none of them. */
  const serve = (targets: Targets, coming: ReadonlyArray<RelayId>) =>
    Effect.suspend(() => {
      present = targets
      return served.add(coming)
    })

  // What can fail comes first, and what cannot be taken back last.
  const reload = Effect.gen(function*() {
    const before = present
    const { needRestart, relays } = yield* Effect.mapError(reread, refused)
    const wanted = keepDefault(before, relays)
    const { added, changed, gone } = difference(before, wanted)
    const asBefore = Effect.fnUntraced(function*(ended: ReadonlyArray<RelayId>, error: E) {
      yield* Effect.forEach(added, stop, { discard: true })
      yield* serve(before, ended).pipe(
        Effect.catch(({ message }: E) => {
          present = new Map([...before].filter(([id]) => !ended.some((one) => one === id)))
          const detail = `${error.message}; and ${ended.join(", ")} cannot be served again: ${message}`
          return Effect.fail(new CannotReload({ detail }))
        })
      )
      return yield* refused(error)
    })
    yield* serve(wanted, added).pipe(Effect.catch((error: E) => asBefore([], error)))
    yield* Effect.forEach(changed, stop, { discard: true })
    yield* serve(wanted, changed).pipe(Effect.catch((error: E) => asBefore(changed, error)))
    const removed = yield* Effect.forEach(
      gone,
      (relay) => Effect.map(stop(relay), (undelivered) => ({ relay, undelivered }))
    )
    return { relays: ids(wanted), added, changed, removed, needRestart }
  })

  yield* served.add([...present.keys()])
  return RelayRegistry.of({ list: served.list, find: served.get, reload: oneAtATime.withPermit(reload) })
})

type Targets = ReadonlyMap<string, Target>

const byName = (targets: ReadonlyArray<Target>) => new Map<string, Target>(targets.map((target) => [target.id, target]))

const ids = (targets: Targets): ReadonlyArray<RelayId> => [...targets.values()].map(({ id }) => id)

const keepDefault = (before: Targets, found: ReadonlyArray<Target>) => {
  const ours = [...before.values()].filter(({ id }) => id === defaultRelay)
  return byName([...ours, ...found.filter(({ id }) => id !== defaultRelay)])
}

const difference = (before: Targets, wanted: Targets) => ({
  added: ids(wanted).filter((id) => !before.has(id)),
  changed: [...wanted.values()].filter((target) => {
    const old = before.get(target.id)
    return old !== undefined && !same(old, target)
  }).map(({ id }) => id),
  gone: ids(before).filter((id) => !wanted.has(id))
})

const same = (one: Target, other: Target): boolean =>
  Equal.equals({ ...one, url: one.url.href }, { ...other, url: other.url.href })

const refused = ({ message }: { readonly message: string }) => new CannotReload({ detail: message })

/** What is accepted is on disk and answered, then the streams end and tell their clients to come back (BEHAVIOUR 8). */
export const shutdown = Effect.fnUntraced(function*({ outbox, sessions }: Relay) {
  yield* outbox.drain
  yield* Effect.timeoutOption(sessions.idle, "5 seconds")
  // A stream that ends without its answer would let its client wait for minutes.
  yield* Effect.timeoutOption(sessions.stopRequests, "1 second")
  yield* sessions.endListening
})

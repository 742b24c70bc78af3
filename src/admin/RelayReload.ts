/**
 * The relays of the configuration, read anew while the daemon runs: those that came are served at once, those that went
 * are let go, those that changed go and come; nobody else notices. Not the default one, which a flag or `--embedded` may
 * have named: that changes with a new start, as all other settings do.
 */
import { Context, Effect, Equal, Ref, Schema } from "effect"
import type { RelayTarget } from "../config/Settings.ts"
import { defaultRelay, type RelayId } from "../domain/Ids.ts"

type Target = RelayTarget["Service"]

export class CannotReload extends Schema.TaggedError<CannotReload>()("CannotReload", { detail: Schema.String }) {
  override get message(): string {
    return `the relays stay as they are: ${this.detail}`
  }
}

export interface Reloaded {
  /** All that are served now. */
  readonly relays: ReadonlyArray<RelayId>
  readonly added: ReadonlyArray<RelayId>
  readonly changed: ReadonlyArray<RelayId>
  readonly removed: ReadonlyArray<{ readonly relay: RelayId; readonly undelivered: number }>
}

export class RelayReload extends Context.Service<RelayReload, {
  readonly reload: Effect.Effect<Reloaded, CannotReload>
}>()("holdfast/admin/RelayReload") {}

/** What the runner has to reload with. */
export interface Reloading {
  readonly reread: Effect.Effect<ReadonlyArray<Target>, { readonly message: string }>
  readonly present: Ref.Ref<ReadonlyArray<Target>>
  readonly start: (relays: ReadonlyArray<RelayId>) => Effect.Effect<void, { readonly message: string }>
  /** Its streams end, what it accepted is on disk; how many of its calls are not delivered. */
  readonly stop: (relay: RelayId) => Effect.Effect<number>
}

const same = (one: Target, other: Target): boolean =>
  Equal.equals({ ...one, url: one.url.href }, { ...other, url: other.url.href })

const ids = (targets: ReadonlyArray<Target>): ReadonlyArray<RelayId> => targets.map(({ id }) => id)

export const make = Effect.fnUntraced(function*({ present, reread, start, stop }: Reloading) {
  const refused = ({ message }: { readonly message: string }) => new CannotReload({ detail: message })
  const found = yield* Effect.mapError(reread, refused)
  const before = yield* Ref.get(present)
  const wanted = [
    ...before.filter(({ id }) => id === defaultRelay),
    ...found.filter(({ id }) => id !== defaultRelay)
  ]
  const past = new Map(before.map((target) => [target.id, target]))
  const added = wanted.filter(({ id }) => !past.has(id))
  const changed = wanted.filter((target) => {
    const old = past.get(target.id)
    return old !== undefined && !same(old, target)
  })
  const gone = before.filter(({ id }) => !wanted.some((target) => target.id === id))
  const removed = yield* Effect.forEach(
    gone,
    ({ id: relay }) => Effect.map(stop(relay), (undelivered) => ({ relay, undelivered }))
  )
  yield* Effect.forEach(changed, ({ id }) => stop(id), { discard: true })
  const coming = [...changed, ...added]
  yield* Ref.set(present, wanted)
  yield* start(ids(coming)).pipe(
    // They are not served, so that the next time they come again.
    Effect.tapError(() => Ref.set(present, wanted.filter((target) => !coming.includes(target)))),
    Effect.mapError(refused)
  )
  return { relays: ids(wanted), added: ids(added), changed: ids(changed), removed }
})

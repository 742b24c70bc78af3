/** Things by name that come and go while the program runs, each in a scope of its own: what one holds goes with it. */
import { Effect, Exit, Option, Scope, Semaphore } from "effect"

export interface ScopedMap<K, A, E> {
  /** In the order in which they came. */
  readonly list: Effect.Effect<ReadonlyArray<A>>
  readonly find: (key: K) => Effect.Effect<Option.Option<A>>
  readonly get: (key: K) => A | undefined
  /** Builds side by side what is not there yet. Where one fails none of these comes. */
  readonly add: (keys: ReadonlyArray<K>) => Effect.Effect<void, E>
  /** Nobody finds it from now on; `beforeClose` runs before its scope closes. */
  readonly remove: (key: K, beforeClose: (value: A) => Effect.Effect<void>) => Effect.Effect<void>
}

/** All of them go with the scope in which the map is made. */
export const make = Effect.fnUntraced(function*<K, A, E, R>(build: (key: K) => Effect.Effect<A, E, R | Scope.Scope>) {
  const parent = yield* Effect.scope
  const context = yield* Effect.context<R>()
  const changing = yield* Semaphore.make(1)
  const present = new Map<K, { readonly value: A; readonly scope: Scope.Closeable }>()

  const add = Effect.fnUntraced(function*(keys: ReadonlyArray<K>) {
    const missing = keys.filter((key) => !present.has(key))
    const scopes = yield* Effect.forEach(missing, () => Scope.fork(parent))
    const built = yield* Effect.forEach(
      missing,
      (key, index) => build(key).pipe(Scope.provide(scopes[index] ?? parent), Effect.provide(context)),
      { concurrency: "unbounded" }
    ).pipe(
      Effect.onError((cause) => Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.failCause(cause))))
    )
    built.forEach((value, index) => {
      const [key, scope] = [missing[index], scopes[index]]
      if (key !== undefined && scope !== undefined) present.set(key, { value, scope })
    })
  })

  return {
    list: Effect.sync(() => [...present.values()].map(({ value }) => value)),
    get: (key) => present.get(key)?.value,
    find: (key) => Effect.sync(() => Option.map(Option.fromUndefinedOr(present.get(key)), ({ value }) => value)),
    add: (keys) => changing.withPermit(Effect.uninterruptible(add(keys))),
    remove: (key, beforeClose) =>
      changing.withPermit(Effect.uninterruptible(Effect.suspend(() => {
        const gone = present.get(key)
        present.delete(key)
        return gone === undefined
          ? Effect.void
          : Effect.ensuring(beforeClose(gone.value), Scope.close(gone.scope, Exit.void))
      })))
  } satisfies ScopedMap<K, A, E>
})

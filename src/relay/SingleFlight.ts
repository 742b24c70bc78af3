/** An effect that runs once at a time: whoever asks while it runs shares its outcome. */
import { Deferred, Effect, type Scope } from "effect"

/**
 * It runs in the scope at hand, so that somebody who stops waiting takes it from nobody else; it starts before this
 * returns to the one who asked.
 */
export const singleFlight = <A, E>(
  effect: Effect.Effect<A, E>
): Effect.Effect<Effect.Effect<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let flight: Deferred.Deferred<A, E> | undefined
    return Effect.suspend(() => {
      if (flight !== undefined) return Deferred.await(flight)
      const started = Deferred.makeUnsafe<A, E>()
      flight = started
      return effect.pipe(
        Effect.onExit((exit) => {
          flight = undefined
          return Deferred.done(started, exit)
        }),
        Effect.forkIn(scope, { startImmediately: true }),
        Effect.andThen(Deferred.await(started))
      )
    })
  })

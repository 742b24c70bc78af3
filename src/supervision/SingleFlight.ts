/** Makes an effect run once at a time: callers that come while it runs share its outcome. */
import { Deferred, Effect, type Scope } from "effect"

/**
 * It runs in the scope at hand, so a caller that stops waiting takes the outcome from nobody else. It starts before this
 * returns to the caller.
 */
export const singleFlight = <A, E>(
  effect: Effect.Effect<A, E>
): Effect.Effect<Effect.Effect<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let flight: Deferred.Deferred<A, E> | undefined
    // Masked: an interruption between the two statements would leave a flight that never ends.
    return Effect.uninterruptibleMask((restore) => {
      if (flight !== undefined) return restore(Deferred.await(flight))
      const started = Deferred.makeUnsafe<A, E>()
      flight = started
      return restore(effect).pipe(
        Effect.onExit((exit) => {
          flight = undefined
          return Deferred.done(started, exit)
        }),
        Effect.forkIn(scope, { startImmediately: true }),
        Effect.andThen(restore(Deferred.await(started)))
      )
    })
  })

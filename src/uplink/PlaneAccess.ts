/** The token with which an uplink speaks to its plane (BEHAVIOUR 7): renewed ahead of time, and once where it is refused. */
import { NodeHttpClient } from "@effect/platform-node"
import { Deferred, Effect, Layer, Option, Redacted, Stream } from "effect"
import type { SourceSettings } from "../config/TokenSettings.ts"
import * as HostServices from "../storage/HostServices.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import * as CredentialState from "../token/CredentialState.ts"
import { logSourceFailure } from "../token/CredentialState.ts"
import * as RotatingCredential from "../token/RotatingCredential.ts"
import { sourceOf } from "../token/sources/ChosenSource.ts"
import { type IssuedToken, TokenSourceFailed, usableOf } from "../token/sources/TokenSource.ts"
import type { PlaneToken } from "./Plane.ts"

export interface PlaneAccess {
  /** Waits for the source's first answer, 2 s at most. */
  readonly token: Effect.Effect<PlaneToken>
  /** The plane refused this one: whether another is in force now. The source is asked once for all who ask meanwhile. */
  readonly renewed: (used: PlaneToken) => Effect.Effect<boolean>
  /** Until another token comes by itself. */
  readonly changed: Effect.Effect<void>
}

const valueOf = (token: PlaneToken): string => Option.match(token, { onNone: () => "", onSome: Redacted.value })

/** Without a source the plane is spoken to without a token. */
export const make = Effect.fnUntraced(function*(name: string, settings: SourceSettings) {
  const { supervise } = yield* Supervisor
  // They live as long as the source that stands on them.
  const services = yield* Layer.build(Layer.merge(HostServices.layer, NodeHttpClient.layerUndici))
  const found = yield* Effect.provideContext(sourceOf(settings, { relay: undefined, agent: "" }), services)
  if (Option.isNone(found)) {
    const without: PlaneAccess = {
      token: Effect.succeedNone,
      renewed: () => Effect.succeed(false),
      changed: Effect.never
    }
    return without
  }
  const source = found.value
  let next = Deferred.makeUnsafe<void>()
  const transient = (code: string, hint: string) => new TokenSourceFailed({ code, hint, retryable: true })

  const credential = yield* RotatingCredential.make<IssuedToken, TokenSourceFailed>({
    fetch: usableOf(source),
    secretOf: ({ value }) => value,
    transient,
    onIssued: (_, __, repeated) =>
      Effect.sync(() => {
        if (repeated) return
        const present = next
        next = Deferred.makeUnsafe()
        Deferred.doneUnsafe(present, Effect.void)
      }),
    onFailed: (before, failure, after) =>
      Effect.annotateLogs(
        logSourceFailure(`the token source of the uplink fails: ${failure.message}`, failure, before, after),
        { uplink: name }
      )
  })
  const { ask, rotate, state } = credential
  yield* supervise(`uplink-token ${name}`)(
    Effect.all([rotate, Stream.runForEach(source.changes, () => ask)], { concurrency: "unbounded", discard: true })
  )

  const inForce = Effect.clockWith((clock) =>
    Effect.sync(() =>
      Option.map(CredentialState.inForce(state(), clock.currentTimeMillisUnsafe()), ({ value }) => value)
    )
  )
  const access: PlaneAccess = {
    token: Effect.suspend(() => {
      const isFirst = state().asks === 0 || (state().asks === 1 && state().asking)
      return isFirst ? Effect.andThen(Effect.timeoutOption(ask, "2 seconds"), inForce) : inForce
    }),
    renewed: Effect.fnUntraced(function*(used) {
      const other = Effect.map(inForce, (token) => Option.isSome(token) && valueOf(token) !== valueOf(used))
      if (yield* other) return true
      yield* ask
      return yield* other
    }),
    changed: Effect.suspend(() => Deferred.await(next))
  }
  return access
})

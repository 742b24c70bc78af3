/**
 * Tokens that control planes push (BEHAVIOUR 14): in memory alone, by uplink and name, for whoever names one as its source.
 * After a start the plane says them again.
 */
import { Context, Effect, Option, PubSub, type Redacted, Stream } from "effect"
import { type IssuedToken, type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

export interface PushedToken {
  readonly value: Redacted.Redacted
  /** Milliseconds since the epoch, where the plane said. */
  readonly expiresAt: Option.Option<number>
}

/** One for each daemon. */
export class PushedCredentialsTable {
  readonly #held = new Map<string, PushedToken>()
  readonly #changed = Effect.runSync(PubSub.unbounded<string>())

  /** `name` is `<uplink>/<credential>`. */
  find(name: string): PushedToken | undefined {
    return this.#held.get(name)
  }

  put(name: string, token: PushedToken): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#held.set(name, token)
      return PubSub.publish(this.#changed, name)
    })
  }

  changesOf(name: string): Stream.Stream<void> {
    return Stream.fromPubSub(this.#changed).pipe(
      Stream.filter((changed) => changed === name),
      Stream.map(() => undefined)
    )
  }
}

/** Where the runner provides none, nothing is pushed. */
export const PushedCredentials = Context.Reference<PushedCredentialsTable>("holdfast/token/PushedCredentials", {
  defaultValue: () => new PushedCredentialsTable()
})

export const make = Effect.fnUntraced(function*(pushed: string) {
  const table = yield* PushedCredentials
  const name = `uplink:${pushed}`
  const [uplink, credential] = pushed.split("/")
  const missing = new TokenSourceFailed({
    code: "not pushed",
    hint: `the control plane of uplink "${uplink}" has pushed no credential "${credential}" so far`,
    retryable: true
  })
  const fetch = Effect.suspend((): Effect.Effect<IssuedToken, TokenSourceFailed> => {
    const token = table.find(pushed)
    return token === undefined
      ? Effect.fail(missing)
      : Effect.succeed({ ...token, source: name, subject: Option.none() })
  })
  return { name, fetch, changes: table.changesOf(pushed) } satisfies TokenSource
})

/**
 * Says a request again where the relay did not act on it, once for each reason (BEHAVIOUR 3, 7): after a lost session
 * in a new one; after a 401 with a refreshed token, and then in a new session, since a lost session may come as a 401.
 */
import { Effect, identity, Option, Result } from "effect"
import { type AskedFor, LiveToken, type Token } from "../../token/LiveToken.ts"
import type { OpenRelaySession, RelaySession } from "../handshake/OpenRelaySession.ts"
import type { RelayFailure } from "../RelayFailure.ts"

export interface Recovering<A, R> {
  readonly liveToken: LiveToken["Service"]
  readonly session: RelaySession
  readonly attempt: (open: OpenRelaySession, token: Option.Option<Token>) => Effect.Effect<A, RelayFailure, R>
  readonly askedFor: () => AskedFor
  /** Bounds the waits that are no attempt: for a session to be opened, for a token to be refreshed. */
  readonly bound?: (<B>(wait: Effect.Effect<B, RelayFailure>) => Effect.Effect<B, RelayFailure>) | undefined
}

export const recovering = Effect.fnUntraced(function*<A, R>(
  { askedFor, attempt, bound = identity, liveToken, session }: Recovering<A, R>
): Effect.fn.Return<A, RelayFailure, R> {
  let reopened = false
  let refreshed = false
  let reopenedFor401 = false
  while (true) {
    const open = session.openNow() ?? (yield* bound(session.open))
    const token = yield* liveToken.current(session.agent)
    const result = yield* Effect.result(attempt(open, token))
    if (Result.isSuccess(result)) {
      yield* liveToken.accepted(session.agent, token, askedFor)
      return result.success
    }
    const { reason } = result.failure
    if (reason._tag === "SessionLost" && !reopened) {
      reopened = true
      yield* session.lost(open)
      continue
    }
    if (reason._tag === "Unauthorized" && !refreshed) {
      refreshed = true
      if (Option.isSome(yield* bound(liveToken.rejected(session.agent, token, askedFor())))) continue
    }
    if (reason._tag === "Unauthorized" && !reopenedFor401 && Option.isSome(open.id)) {
      reopenedFor401 = true
      yield* session.lost(open)
      continue
    }
    if (reason._tag === "Unauthorized") yield* liveToken.refused(session.agent, token, askedFor())
    return yield* result.failure
  }
})

import { Effect, Option } from "effect"
import { principalOfSource } from "./PrincipalOf.ts"
import type { RotatingToken } from "./RotatingToken.ts"
import type { TokenStatus } from "./Token.ts"
import * as TokenState from "./TokenState.ts"

/** Where no source is configured: requests go without a token. */
export const noToken: RotatingToken = (() => {
  const principal = principalOfSource("none")
  const status: TokenStatus = TokenState.statusOf(TokenState.initial(principal), "none", 0)
  const idle = Effect.succeed({ ...status, nextRefreshAt: Option.none() })
  return {
    current: Effect.succeedNone,
    principal: Effect.succeed(principal),
    rejected: () => Effect.succeedNone,
    accepted: Effect.void,
    refresh: idle,
    status: idle
  }
})()

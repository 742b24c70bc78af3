import { Effect, Option } from "effect"
import { principalOfNone } from "./PrincipalOf.ts"
import type { RotatingToken } from "./RotatingToken.ts"
import type { TokenStatus } from "./Token.ts"
import * as TokenState from "./TokenState.ts"

/** Where no source is configured: requests go without a token. */
export const noToken: RotatingToken = (() => {
  const status: TokenStatus = TokenState.statusOf(TokenState.initial(principalOfNone), "none", 0)
  const idle = Effect.succeed({ ...status, nextRefreshAt: Option.none() })
  return {
    current: Effect.succeedNone,
    principal: Effect.succeed(principalOfNone),
    rejected: () => Effect.succeedNone,
    refused: () => Effect.void,
    accepted: () => Effect.void,
    refresh: idle,
    status: idle
  }
})()

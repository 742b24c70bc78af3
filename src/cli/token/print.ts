import { Clock, Console, DateTime, Effect } from "effect"
import type { TokenView } from "../../admin/TokenView.ts"
import { apart } from "../apart.ts"
import { ink } from "../Ink.ts"

export const tokenInWords = (token: TokenView, now: DateTime.Utc): string => {
  const expiry = token.expiresAt === null ? "" : `, ends in ${apart(token.expiresAt, now)}`
  const { lastError, nextRefreshAt } = token
  if (token.state === "none" && token.source === "login") {
    return "none: where the relay asks for one, name its source, or \"holdfast login\""
  }
  const next = nextRefreshAt === null ? "" : `, next in ${apart(nextRefreshAt, now)}`
  const error = lastError === null
    ? ""
    : `: ${lastError.code}, ${lastError.hint}; attempt ${lastError.attempt}${next}`
  return `${token.state} (${token.source}${expiry})${error}`
}

export const printTokens = Effect.fnUntraced(function*(tokens: ReadonlyArray<TokenView>) {
  const paint = yield* ink
  const now = DateTime.makeUnsafe(Math.floor(yield* Clock.currentTimeMillis))
  for (const token of tokens) {
    const well = token.state === "valid" || token.state === "none"
    yield* Console.log(`${token.relay}, ${token.agent}: ${paint(well ? "green" : "red", tokenInWords(token, now))}`)
  }
})

/** What an agent is told to ask a person for where the relay refuses its token: which command, and what waits for that. */
import { Effect } from "effect"
import { RelayTarget } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import type { TokenRemedy } from "../../relay/link/FailureText.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import { loginAt } from "../../token/sources/loginCommand.ts"

const maxCounted = 1000

export const tokenRemedies = Effect.gen(function*() {
  const { id } = yield* RelayTarget
  const outbox = yield* Outbox
  const token = yield* LiveToken
  return Effect.fnUntraced(function*(agent: AgentName): Effect.fn.Return<TokenRemedy> {
    const { source } = yield* token.status(agent)
    const { held } = yield* outbox.stats
    const own = held === 0 ? [] : yield* outbox.list({ state: "held", agent, limit: maxCounted })
    return { login: loginAt(id, source), held: own.length }
  })
})

/** What a login sets free, and what waits for somebody else: said to the person who has just logged in. */
import { Effect, Result } from "effect"
import { grouped, type HeldView } from "../../admin/OutboxView.ts"
import type { AgentName, RelayId } from "../../domain/Ids.ts"
import { principalOf } from "../../token/Principal.ts"
import { ownerOfLogin } from "../../token/sources/loginCommand.ts"
import type { Login } from "../../token/sources/LoginFile.ts"
import { identityOf } from "../../token/sources/LoginSource.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { calls } from "../outbox/held.ts"

/** Of the running daemon: what is held, and what will be where another person logs in; nothing where there is none. */
export const heldAt = Effect.fnUntraced(function*(relay: RelayId, agent: AgentName | undefined) {
  const { ask } = yield* DaemonClient
  const asked = yield* Effect.result(Effect.all([
    ask((client) => client.status()),
    ask((client) => client.outbox.list({ query: { relay, state: "pending", limit: maxCounted } }))
  ]))
  if (Result.isFailure(asked)) return { held: [], pending: [] }
  const [{ relays }, { entries }] = asked.success
  const found = relays.find(({ id }) => id === relay)
  /** Whether the login is the agent's. */
  const concerns = (of: { readonly agent: AgentName }): boolean => {
    const source = found?.tokens.find((token) => token.agent === of.agent)?.source ?? ""
    return agent === undefined ? ownerOfLogin(source) === undefined : of.agent === agent
  }
  const forWhom = (principal: string) =>
    found?.tokens.find((token) => token.principal === principal)?.name ?? "another principal"
  return {
    held: (found?.held ?? []).filter(concerns),
    pending: grouped(
      entries.filter(concerns).map(({ agent, principal }) => ({
        agent,
        principal,
        reason: `accepted for ${forWhom(principal)}`
      }))
    )
  }
})

const maxCounted = 1000

const counted = (views: ReadonlyArray<HeldView>): number => views.reduce((sum, { count }) => sum + count, 0)

/** A line for what goes out now, and one for each group that stays. */
export const waiting = (
  relay: RelayId,
  login: Login,
  { held, pending }: Effect.Success<ReturnType<typeof heldAt>>
): ReadonlyArray<string> => {
  const own = principalOf(identityOf(login))
  const freed = counted(held.filter(({ principal }) => principal === own))
  const others = [...held, ...pending].filter(({ principal }) => principal !== own)
  return [
    ...(freed === 0 ? [] : [`${calls(freed)} that waited for this login ${freed === 1 ? "goes" : "go"} out now`]),
    ...others.map(({ agent, count, reason }) =>
      `${calls(count)} of ${agent} ${count === 1 ? "stays" : "stay"} held, ${reason}: log in as that person, or `
      + `"holdfast outbox retry --all" sends what is held for relay "${relay}" as you`
    )
  ]
}

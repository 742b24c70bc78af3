/** What is held, and what a person does about it. */
import type { HeldView } from "../../admin/OutboxView.ts"
import type { RelayView } from "../../admin/StatusView.ts"
import { loginAt } from "../../token/sources/loginCommand.ts"

export const calls = (count: number): string => count === 1 ? "1 call" : `${count} calls`

/** Accepted for somebody else than the token stands for now. */
const isForAnother = ({ tokens }: RelayView, { agent, principal }: HeldView): boolean =>
  tokens.some((token) => token.agent === agent && token.principal !== principal)

export const heldRemedy = (relay: RelayView, view: HeldView): string => {
  const token = relay.tokens.find(({ agent }) => agent === view.agent)
  const another = isForAnother(relay, view)
  const retry = "\"holdfast outbox retry --all\" sends them as who is there now"
  const login = token === undefined ? undefined : loginAt(relay.id, token.source)
  if (login === undefined) return another ? retry : "\"holdfast token show\" says what the token lacks"
  return another ? `${login} as that person, or ${retry}` : login
}

/** On one line: how many, of which agent, why, and what to do. */
export const formatHeld = (relay: RelayView, view: HeldView): string =>
  `${calls(view.count)} of ${view.agent}, ${view.reason}; do: ${heldRemedy(relay, view)}`

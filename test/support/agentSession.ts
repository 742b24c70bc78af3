/** An agent's session in the hands of a unit test, over a relay that never opens one unless told. */
import { Effect } from "effect"
import { type AgentName, defaultAgent, SessionId } from "../../src/domain/Ids.ts"
import { AgentSession } from "../../src/mcp/sessions/AgentSession.ts"
import { SessionFibers } from "../../src/mcp/sessions/SessionFibers.ts"
import { EventLogs } from "../../src/mcp/streams/EventLogs.ts"
import type { RelaySession } from "../../src/relay/session/RelaySession.ts"

export interface GivenSession {
  /** One that begins with `contextPrefix` is of the modern era. */
  readonly id: string
  readonly agent?: AgentName
  readonly clientName?: string
  readonly capabilities?: object
  readonly protocolVersion?: string
  /** Of the list that it was answered. */
  readonly fingerprint?: string
  /** The session that is open at the relay. */
  readonly openNow?: RelaySession["openNow"]
}

export const agentSession = Effect.fnUntraced(function*(given: GivenSession) {
  const { agent = defaultAgent, capabilities = {}, clientName = "client", protocolVersion = "2025-11-25" } = given
  const id = SessionId.make(given.id)
  const logs = yield* EventLogs
  return new AgentSession({
    id,
    agent,
    initialize: JSON.stringify({ params: { clientInfo: { name: clientName }, capabilities } }),
    protocol_version: protocolVersion,
    roots: null,
    log_level: null,
    subscriptions: [],
    fingerprint: given.fingerprint ?? null
  }, {
    relay: {
      agent,
      openNow: given.openNow ?? (() => undefined),
      open: Effect.never,
      current: Effect.succeedNone,
      lost: () => Effect.void,
      leaveOpen: () => {}
    },
    fibers: new SessionFibers(Effect.runForkWith(yield* Effect.context())),
    log: logs.make({ session: id })
  })
})

/**
 * The start of a session: the relay's answer, or the last known one while it is away (BEHAVIOUR 2, first handler).
 *
 * Clients give up for good on an initialize that fails, so it is always answered; an auth failure is told by the
 * requests that follow. A late answer becomes the relay session.
 */
import { Effect, Option, Predicate } from "effect"
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import { ownClientInfo } from "../../domain/OwnInitialize.ts"
import * as ProtocolVersion from "../../domain/ProtocolVersion.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import type { RelayFailure, SessionRefused } from "../../relay/RelayFailure.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import * as Greeting from "./Greeting.ts"

export const make = Effect.gen(function*() {
  const greeting = yield* Greeting.make
  const cached = yield* CachedInitialize

  const fallback = (request: Request, known: Option.Option<string>) =>
    withListChanged(EraForm.asInitializeResult(Option.getOrElse(known, () => minimal), versionFor(request)))

  return {
    /** The text of the InitializeResult for the agent; fails where the relay itself refused in words of JSON-RPC. */
    result: Effect.fnUntraced(function*(
      session: AgentSession,
      request: Request
    ): Effect.fn.Return<string, SessionRefused> {
      const open = session.relay.open.pipe(Effect.tap(({ result }) => cached.save(result)), Effect.result)
      const { inTime, known } = yield* greeting(session, open)
      if (Option.isNone(inTime)) return fallback(request, known)
      if (inTime.value._tag === "Success") {
        const { modern, result } = inTime.value.success
        const greeting = modern === undefined ? result : EraForm.asInitializeResult(result, versionFor(request))
        return EraForm.isInitializeResult(greeting) ? withListChanged(greeting) : fallback(request, known)
      }
      const refused = refusal(inTime.value.failure)
      return refused === undefined ? fallback(request, known) : yield* refused
    })
  }
})

const refusal = ({ reason }: RelayFailure): SessionRefused | undefined =>
  reason._tag === "SessionRefused" ? reason : undefined

const withListChanged = (result: string): string =>
  JsonText.set(result, ["capabilities", "tools", "listChanged"], "true")

const versionFor = (request: Request): string => {
  const asked = request.params["protocolVersion"]
  return Predicate.isString(asked) ? ProtocolVersion.negotiate(asked) : ProtocolVersion.defaultVersion
}

/** What can be promised of a relay that was never reached. */
export const minimal = JSON.stringify({
  protocolVersion: ProtocolVersion.defaultVersion,
  capabilities: {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true },
    logging: {},
    completions: {}
  },
  serverInfo: ownClientInfo
})

/**
 * The start of a session: the relay's answer, or the last known one while it is away (BEHAVIOUR 2, first handler).
 *
 * Clients give up for good on an initialize that fails, so it is always answered; an auth failure is told by the
 * requests that follow. The forwarded request runs on: a late answer becomes the relay session.
 */
import { Effect, Exit, Fiber, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import * as ProtocolVersion from "../../domain/ProtocolVersion.ts"
import { version } from "../../domain/Version.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import type { RelayFailure, SessionRefused } from "../../relay/RelayFailure.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"

export const make = Effect.gen(function*() {
  const { link: { fallbackAfter, fallbackUnknownAfter } } = yield* Settings
  const link = yield* RelayLink
  const cached = yield* CachedInitialize

  const fallback = (request: Request, known: Option.Option<string>) =>
    withListChanged(EraForm.asInitializeResult(Option.getOrElse(known, () => minimal), versionFor(request)))

  return {
    /** The text of the InitializeResult for the agent; fails where the relay itself refused in words of JSON-RPC. */
    result: Effect.fnUntraced(function*(
      session: AgentSession,
      request: Request
    ): Effect.fn.Return<string, SessionRefused> {
      const known = yield* cached.find
      if ((yield* link.state)._tag === "Down") return fallback(request, known)
      const opening = session.inBackground(session.relay.open.pipe(
        Effect.tap((open) => cached.save(open.result)),
        Effect.result
      ))
      const timeout = Option.isSome(known) ? fallbackAfter : fallbackUnknownAfter
      // Not joined: where the session ends meanwhile, its agent is still owed an answer.
      const ended = yield* Effect.timeoutOption(Fiber.await(opening), timeout)
      if (Option.isNone(ended) || Exit.isFailure(ended.value)) return fallback(request, known)
      const opened = ended.value.value
      if (opened._tag === "Success") {
        const { modern, result } = opened.success
        const greeting = modern === undefined ? result : EraForm.asInitializeResult(result, versionFor(request))
        return EraForm.isInitializeResult(greeting) ? withListChanged(greeting) : fallback(request, known)
      }
      const refused = refusal(opened.failure)
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
  serverInfo: { name: "holdfast", version }
})

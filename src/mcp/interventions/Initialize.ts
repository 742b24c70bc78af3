/**
 * The start of a session: the relay's answer, or the last known one while it is away (BEHAVIOUR 2, first intervention).
 *
 * Clients give up for good on an initialize that fails, so it is always answered; an auth failure is told by the
 * requests that follow. The forwarded request runs on: a late answer becomes the relay session.
 */
import { Context, Effect, Exit, Fiber, FiberSet, Layer, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as EraForm from "../../domain/EraForm.ts"
import { isInitializeResult } from "../../domain/InitializeResult.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import * as ProtocolVersion from "../../domain/ProtocolVersion.ts"
import { version } from "../../domain/Version.ts"
import { KeptInitialize } from "../../menu/KeptInitialize.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import type { RelayFailure, SessionRefused } from "../../relay/RelayFailure.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"

/** One for each relay. */
export class Initialize extends Context.Service<Initialize, {
  /** The text of the InitializeResult for the agent; fails where the relay itself refused in words of JSON-RPC. */
  readonly result: (session: AgentSession, request: Request) => Effect.Effect<string, SessionRefused>
}>()("holdfast/mcp/Initialize") {
  static readonly layer = Layer.effect(
    Initialize,
    Effect.gen(function*() {
      const settings = yield* Settings
      const link = yield* RelayLink
      const kept = yield* KeptInitialize

      const local = (request: Request, known: Option.Option<string>) => {
        const version = versionFor(request)
        return withListChanged(EraForm.asInitializeResult(Option.getOrElse(known, () => minimal), version))
      }

      return Initialize.of({
        result: Effect.fnUntraced(function*(session, request) {
          const known = yield* kept.find
          if ((yield* link.state)._tag === "Down") return local(request, known)
          const opening = yield* session.relay.open.pipe(
            Effect.tap((open) => kept.keep(open.result)),
            Effect.result,
            FiberSet.run(session.work)
          )
          const patience = Option.isSome(known) ? settings.link.fallbackAfter : settings.link.fallbackUnknownAfter
          // Not joined: where the session ends meanwhile, its agent is still owed an answer.
          const ended = yield* Effect.timeoutOption(Fiber.await(opening), patience)
          if (Option.isNone(ended) || Exit.isFailure(ended.value)) return local(request, known)
          const opened = ended.value.value
          if (opened._tag === "Success") {
            const { modern, result } = opened.success
            const greeting = modern === undefined ? result : EraForm.asInitializeResult(result, versionFor(request))
            return isInitializeResult(greeting) ? withListChanged(greeting) : local(request, known)
          }
          const refused = refusal(opened.failure)
          return refused === undefined ? local(request, known) : yield* refused
        })
      })
    })
  )
}

const refusal = (failure: RelayFailure): SessionRefused | undefined =>
  failure.reason._tag === "SessionRefused" ? failure.reason : undefined

const withListChanged = (result: string): string =>
  JsonText.set(result, ["capabilities", "tools", "listChanged"], "true")

const versionFor = (request: Request): string => {
  const asked = request.params["protocolVersion"]
  return Predicate.isString(asked) ? ProtocolVersion.negotiate(asked) : ProtocolVersion.defaultVersion
}

/** What can be promised of a relay that was never reached. */
export const minimal = JSON.stringify({
  protocolVersion: ProtocolVersion.defaultVersion,
  capabilities: { tools: { listChanged: true }, prompts: {}, resources: {}, logging: {}, completions: {} },
  serverInfo: { name: "holdfast", version }
})

/** Calls of tools: bufferable ones by way of the outbox, all others passed on (BEHAVIOUR 2, third intervention). */
import { Context, Effect, Layer, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as ToolNames from "../../config/ToolNames.ts"
import { epochOf } from "../../context/transition.ts"
import { WorkspaceContexts } from "../../context/WorkspaceContexts.ts"
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import type { Request } from "../../domain/Message.ts"
import { KeptLists, type ToolSpec } from "../../menu/KeptLists.ts"
import { mayBuffer } from "../../outbox/Call.ts"
import { type BufferableCall, Outbox, type OutboxRefused, type Submission } from "../../outbox/Outbox.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import { Forwarding, type Passage, refuse, say } from "../Forwarding.ts"
import { SessionMenu } from "../menus/SessionMenu.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { DeadLetters } from "./DeadLetters.ts"
import { ObservedCalls } from "./ObservedCalls.ts"

export type CallPassage = Pick<Passage, "headers" | "answer" | "noted" | "as" | "modern"> & {
  /** Part of a batch, which is never queued. */
  readonly batched: boolean
  /** Names the request for its cancellation, where its own id may be another agent's too. */
  readonly asked?: string | undefined
}

/** One for each relay. */
export class ToolCalls extends Context.Service<ToolCalls, {
  readonly answer: (session: AgentSession, request: Request, passage: CallPassage) => Effect.Effect<void>
}>()("holdfast/mcp/ToolCalls") {
  static readonly layer = Layer.effect(
    ToolCalls,
    Effect.gen(function*() {
      const settings = yield* Settings
      const kept = yield* KeptLists
      const menu = yield* SessionMenu
      const outbox = yield* Outbox
      const token = yield* LiveToken
      const contexts = yield* WorkspaceContexts
      const forwarding = yield* Forwarding
      const deadLetters = yield* DeadLetters
      const observed = yield* ObservedCalls
      const isBufferable = ToolNames.matcher(settings.outbox.bufferable)

      const buffered = Effect.fnUntraced(function*(
        session: AgentSession,
        call: BufferableCall,
        passage: CallPassage
      ) {
        const submission = yield* outbox.submit(call, (wire, onBytes) =>
          forwarding.attempt(session, wire, {
            ...passage,
            // The outbox has given it an id of its own.
            as: undefined,
            headers: { ...passage.headers, "idempotency-key": wire.key },
            within: settings.link.callTimeout,
            reads: false,
            onBytes
          }).pipe(
            Effect.flatMap((final) =>
              final.body._tag === "Whole"
                ? Effect.succeed({ status: final.status, text: final.body.text })
                : new RelayFailure({ reason: new AnswerCutOff({ detail: "an answer of more than 16 MiB" }) })
            ),
            Effect.scoped
          ))
        yield* settle(session, call, passage, submission)
      })

      const settle = Effect.fnUntraced(function*(
        session: AgentSession,
        call: BufferableCall,
        passage: CallPassage,
        submission: Submission
      ) {
        switch (submission._tag) {
          case "Answered": {
            if (!submission.replayed) yield* observed.answered(session.agent, call.tool, submission.text, call.epoch)
            const told = yield* deadLetters.tellWith(session.agent, submission.text)
            const text = passage.modern === undefined ? told : EraForm.modernResponse(told, passage.modern)
            return yield* passage.answer.answer({
              _tag: "Json",
              status: submission.status,
              headers: {},
              body: { _tag: "Whole", text }
            })
          }
          case "Queued":
            return yield* say(
              passage,
              `{"jsonrpc":"2.0","id":${call.request.id},"result":${submission.result}}`,
              "queued"
            )
          case "Failed":
            return yield* forwarding.tell(passage, call.request, submission.failure)
        }
      })

      return ToolCalls.of({
        answer: Effect.fnUntraced(function*(session, request, passage) {
          const tool = request.params["name"]
          if (!Predicate.isString(tool)) {
            return yield* forwarding.forward(session, request, {
              ...passage,
              within: settings.link.callTimeout,
              reads: false
            })
          }
          const spec = yield* kept.tool(yield* menu.key(session), tool)
          const epoch = Option.some(epochOf(yield* contexts.get(session.agent)))
          if (!passage.batched && isBufferable(tool) && mayBuffer(request)) {
            const call: BufferableCall = {
              agent: session.agent,
              session: session.id,
              principal: yield* token.principal(session.agent),
              request,
              asked: passage.asked,
              tool,
              declaresKey: has(spec, "declaresKey"),
              idempotentHint: has(spec, "idempotentHint"),
              epoch
            }
            return yield* Effect.catch(
              buffered(session, call, passage),
              (refused) => refuse(passage, request, outboxError(refused))
            )
          }
          const reads = has(spec, "readOnlyHint")
          yield* forwarding.forward(session, request, {
            ...passage,
            within: settings.link.callTimeout,
            reads,
            streamJson: !reads && !passage.batched && !observed.isObserved(tool),
            onWhole: (text) => observed.answered(session.agent, tool, text, epoch)
          })
        })
      })
    })
  )
}

const has = (spec: Option.Option<ToolSpec>, what: "declaresKey" | "idempotentHint" | "readOnlyHint"): boolean =>
  Option.isSome(spec) && spec.value[what]

const outboxError = (refused: OutboxRefused): JsonRpcError.JsonRpcError => ({
  code: refused.reason === "key reused" ? JsonRpcError.codes.invalidParams : JsonRpcError.codes.outbox,
  message: refused.message,
  data: { delivery: "not sent", reason: refused.reason }
})

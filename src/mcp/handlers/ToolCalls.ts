/** Calls of tools: bufferable ones by way of the outbox, all others passed on (BEHAVIOUR 2, third handler). */
import { Clock, Effect, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as ToolNames from "../../config/ToolNames.ts"
import { epochOf } from "../../context/ContextState.ts"
import { WorkspaceContexts } from "../../context/WorkspaceContexts.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import { CachedLists, type ToolSpec } from "../../menu/CachedLists.ts"
import type { Hold } from "../../menu/ToolPins.ts"
import { mayBuffer, onUnknownFor } from "../../outbox/Call.ts"
import { type BufferableCall, Outbox, type OutboxRefused, type Submission } from "../../outbox/Outbox.ts"
import { isNamed } from "../../outbox/submission/IdempotencyKey.ts"
import { unknownOutcome } from "../../relay/link/FailureText.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import type { Resend } from "../../results/KeptResult.ts"
import { Tasks } from "../../results/Tasks.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import { LocalTools } from "../menu/LocalTools.ts"
import { SessionMenu } from "../menu/SessionMenu.ts"
import { type Ahead, type Answer, type Handler, ownResult, type RequestContext, RpcError } from "./Handler.ts"
import type { LiveCall } from "./LiveCall.ts"
import { LiveCalls } from "./LiveCalls.ts"
import * as ObservedCalls from "./ObservedCalls.ts"
import type { PassThrough } from "./PassThrough.ts"
import * as TaskForm from "./TaskForm.ts"

export const make = Effect.fnUntraced(function*(passThrough: PassThrough) {
  const settings = yield* Settings
  const cached = yield* CachedLists
  const menu = yield* SessionMenu
  const outbox = yield* Outbox
  const token = yield* LiveToken
  const contexts = yield* WorkspaceContexts
  const calls = yield* LiveCalls
  const local = yield* LocalTools
  const tasks = yield* Tasks
  const observed = yield* ObservedCalls.make
  const isBufferable = ToolNames.matcher(settings.outbox.bufferable)

  const epoch = (context: RequestContext) =>
    Effect.map(contexts.get(context.session.agent), (state) => Option.some(epochOf(state)))

  /** The one live attempt that the outbox asks for, under the key and the id that it gave the call. */
  const live = (context: RequestContext, ahead: Ahead): Parameters<Outbox["Service"]["submit"]>[1] => (wire, onBytes) =>
    passThrough.attempt(context, ahead, {
      sent: { text: wire.text, id: wire.id, headers: { ...context.headers, "idempotency-key": wire.key } },
      onBytes
    }).pipe(
      Effect.flatMap((final) =>
        final.body._tag === "Whole"
          ? Effect.succeed({ status: final.status, text: final.body.text })
          : new RelayFailure({ reason: new AnswerCutOff({ detail: "an answer of more than 16 MiB" }) })
      ),
      Effect.scoped
    )

  /** What a client that takes tasks is answered in the place of an acknowledgement. */
  const taskOf = Effect.fnUntraced(function*({ agent, tool }: BufferableCall, acknowledgement: string) {
    const text = (name: string) =>
      String(JSON.parse(JsonText.at(acknowledgement, ["structuredContent", name]) ?? "\"\""))
    const calledAt = Math.floor(yield* Clock.currentTimeMillis)
    const call = { agent, tool, name: undefined, onlyReads: false, calledAt }
    const task = yield* tasks.ofQueued(call, text("idempotencyKey"))
    return Option.map(task, (task) => TaskForm.created(task, settings.results.keep, text("note")))
  })

  const answerTo = Effect.fnUntraced(function*(
    { session }: RequestContext,
    call: BufferableCall,
    submission: Submission
  ): Effect.fn.Return<Answer, RelayFailure> {
    switch (submission._tag) {
      case "Answered":
        if (!submission.replayed) yield* observed.answered(call.agent, call.tool, submission.text, call.epoch)
        return {
          outcome: "answered",
          status: submission.status,
          headers: {},
          body: { _tag: "Whole", text: submission.text },
          fromOutbox: true
        }
      case "Queued": {
        const task = session.takesTasks ? yield* taskOf(call, submission.result) : Option.none()
        return ownResult(call.request, Option.getOrElse(task, () => submission.result), "queued")
      }
      case "Failed":
        return yield* submission.failure
    }
  })

  const buffered = Effect.fnUntraced(function*(
    context: RequestContext,
    ahead: Ahead,
    tool: string,
    spec: Option.Option<ToolSpec>
  ) {
    const { name, request, session } = context
    const call: BufferableCall = {
      agent: session.agent,
      session: session.id,
      principal: yield* token.principal(session.agent),
      request,
      asked: name,
      tool,
      declaresKey: has(spec, "declaresKey"),
      idempotentHint: has(spec, "idempotentHint"),
      epoch: yield* epoch(context),
      place: context.trace
    }
    if (context.call !== undefined) {
      context.call.mayQueue = true
      const mayResend = isNamed(call, settings.outbox.callIds)
        && onUnknownFor(call, settings.outbox.onUnknown) === "resend"
      context.call.resend = mayResend ? resendOf(call) : undefined
    }
    const submission = yield* Effect.mapError(outbox.submit(call, live(context, ahead)), refused)
    return yield* answerTo(context, call, submission)
  })

  const observedCall = Effect.fnUntraced(function*(context: RequestContext, ahead: Ahead, tool: string) {
    const before = yield* epoch(context)
    const answer = yield* passThrough.ask(context, ahead)
    if (answer.body._tag === "Whole") {
      yield* observed.answered(context.session.agent, tool, answer.body.text, before)
    }
    return answer
  })

  /** The same call again, by the client's own id of it: the answer of the first, under way or kept. */
  const madeAgain = Effect.fnUntraced(function*({ request }: RequestContext, call: LiveCall) {
    if (call.identity === undefined) return undefined
    const first = calls.sameAs(call)
    if (first !== undefined) {
      const answer = yield* call.join(first)
      if (answer?.body._tag !== "Whole") return yield* lost
      return withId(request, answer.body.text, answer.outcome)
    }
    const kept = yield* calls.kept(call)
    return kept === undefined ? undefined : withId(request, kept, "answered")
  })

  const handler: Handler = Effect.fnUntraced(function*(context, ahead) {
    const { batched, request, session } = context
    const tool = request.params["name"]
    if (!Predicate.isString(tool)) return yield* passThrough.ask(context, ahead)
    const own = local.find(tool)
    if (own !== undefined) {
      return ownResult(request, yield* own.call(session.agent, request.params["arguments"]), "answered")
    }
    const hold = yield* menu.holdOf(session, tool)
    if (Option.isSome(hold)) return yield* heldBack(tool, hold.value)
    const spec = yield* cached.tool(yield* menu.key(session), tool)
    if (!batched && isBufferable(tool) && mayBuffer(request)) return yield* buffered(context, ahead, tool, spec)
    const onlyReads = has(spec, "readOnlyHint")
    const { call } = context
    if (call !== undefined) {
      call.onlyReads = onlyReads
      const again = yield* madeAgain(context, call)
      if (again !== undefined) return again
    }
    if (observed.isObserved(tool)) return yield* observedCall(context, ahead, tool)
    return yield* passThrough.ask(context, ahead, { onlyReads, streamJson: !onlyReads && !batched })
  })
  return handler
})

const has = (spec: Option.Option<ToolSpec>, what: "declaresKey" | "idempotentHint" | "readOnlyHint"): boolean =>
  Option.isSome(spec) && spec.value[what]

const resendOf = ({ declaresKey, epoch, idempotentHint, principal, request, session }: BufferableCall): Resend => ({
  session,
  principal,
  request: request.text,
  declaresKey,
  idempotentHint,
  epoch: Option.getOrNull(epoch)
})

/** In legacy form, or already in the agent's own. */
const withId = ({ id }: Request, response: string, outcome: Answer["outcome"]): Answer => ({
  outcome,
  status: 200,
  headers: {},
  body: { _tag: "Whole", text: JsonText.set(response, ["id"], id) },
  own: true
})

const lost = new RpcError({
  code: JsonRpcError.codes.relay,
  message: `The call that this one repeats was given up while it was under way. ${unknownOutcome(false)}`,
  data: { delivery: "unknown" }
})

/** In words for the agent's model, which cannot approve anything, and for the person who can. */
const heldBack = (tool: string, hold: Hold): RpcError => {
  const why = hold === "new" ? "nobody has approved it yet" : "its definition changed since it was approved"
  return new RpcError({
    code: JsonRpcError.codes.approval,
    message: `The tool ${JSON.stringify(tool)} is held back: ${why}. The call was not sent. `
      + "A person has to look at it (holdfast tools diff) and approve it (holdfast tools approve).",
    data: { delivery: "not sent", reason: hold === "new" ? "tool not approved" : "tool changed" }
  })
}

const refused = ({ message, reason }: OutboxRefused): RpcError =>
  new RpcError({
    code: reason === "key reused" ? JsonRpcError.codes.invalidParams : JsonRpcError.codes.outbox,
    message,
    data: { delivery: "not sent", reason }
  })

/**
 * Successes of workspace tools that move the agent's context, live or delivered hours later, by this process or by one that
 * died before it could tell (BEHAVIOUR 6, drivers).
 */
import { Effect, Option, Result, Stream } from "effect"
import { RelayTarget, Settings } from "../../config/Settings.ts"
import * as ToolNames from "../../config/ToolNames.ts"
import type { ContextEvent } from "../../context/ContextState.ts"
import { WorkspaceContexts } from "../../context/WorkspaceContexts.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import type { Entry } from "../../outbox/Entry.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { Supervisor } from "../../supervision/Supervisor.ts"

/**
 * Of the relay's whole response to a call. An event that is illegal or of another epoch is logged and ignored.
 */
export interface ObservedCalls {
  readonly isObserved: (tool: string) => boolean
  readonly answered: (
    agent: AgentName,
    tool: string,
    response: string,
    epoch: Option.Option<number>
  ) => Effect.Effect<void>
}

export const make = Effect.gen(function*() {
  const { context } = yield* Settings
  const { id: relay } = yield* RelayTarget
  const contexts = yield* WorkspaceContexts
  const outbox = yield* Outbox
  const supervisor = yield* Supervisor

  const events: ReadonlyArray<readonly [(tool: string) => boolean, ContextEvent]> = [
    [ToolNames.matcher(context.ready), { _tag: "MarkReady" }],
    [ToolNames.matcher(context.land), { _tag: "Merge" }],
    [ToolNames.matcher(context.release), { _tag: "Release" }]
  ]
  const eventOf = (tool: string) => events.find(([matches]) => matches(tool))?.[1]

  const succeeded = Effect.fnUntraced(function*(
    agent: AgentName,
    tool: string,
    epoch: Option.Option<number>,
    entry?: number
  ) {
    const event = eventOf(tool)
    if (event === undefined) return
    const delivery = entry === undefined ? undefined : { relay, entry }
    yield* contexts.send(agent, event, { cause: tool, epoch: Option.getOrUndefined(epoch), delivery }).pipe(
      Effect.catch((error) =>
        Effect.logInfo("an observed call did not move the context", { agent, tool, why: error.message })
      )
    )
  })

  const delivered = ({ agent, epoch, id, tool }: Entry) => succeeded(agent, tool, epoch, id)

  yield* outbox.delivered.pipe(
    Stream.runForEach(delivered),
    supervisor.supervise("observed-deliveries")
  )
  // A crash may have come between a delivery and what it does to the context.
  const earlier = yield* outbox.deliveredOf((tool) => eventOf(tool) !== undefined)
  yield* Effect.forEach(earlier, delivered, { discard: true })
  yield* contexts.forgetDeliveries(relay, earlier.map(({ id }) => id))

  const self: ObservedCalls = {
    isObserved: (tool) => eventOf(tool) !== undefined,
    answered: (agent, tool, response, epoch) =>
      eventOf(tool) !== undefined && isSuccess(response) ? succeeded(agent, tool, epoch) : Effect.void
  }
  return self
})

const isSuccess = (response: string): boolean => {
  const parsed = Message.parse(response)
  return Result.isSuccess(parsed) && parsed.success._tag === "Response" && parsed.success.error === undefined
    && JsonText.at(response, ["result", "isError"]) !== "true"
}

/**
 * `tasks/get`, `tasks/update` and `tasks/cancel` of agents without sessions (MCP, ext-tasks 2026-07-28): those of
 * Holdfast's own tasks are answered here, be the relay away; all others pass, where the relay has the extension.
 */
import { Effect, Option, Predicate } from "effect"
import { Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import * as TasksExtension from "../../domain/TasksExtension.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import { Outbox } from "../../outbox/Outbox.ts"
import { type Task, Tasks } from "../../results/Tasks.ts"
import { type Answer, type Handler, ownResult, type RequestContext, RpcError } from "./Handler.ts"
import { LiveCalls } from "./LiveCalls.ts"
import type { OwnTasks } from "./OwnTasks.ts"
import * as TaskForm from "./TaskForm.ts"

/** `pass` is how any other request goes to the relay. */
export const make = Effect.fnUntraced(function*(pass: Handler, own: OwnTasks) {
  const { results: { keep } } = yield* Settings
  const cached = yield* CachedInitialize
  const calls = yield* LiveCalls
  const outbox = yield* Outbox
  const tasks = yield* Tasks

  /** As far as that is possible: what is on its way to the relay may be carried out all the same. */
  const cancel = Effect.fnUntraced(function*(agent: AgentName, task: Task) {
    if (TaskForm.hasEnded(task)) return
    if (task.state === "queued") {
      const letter = yield* own.letterOf(agent, task)
      if (Option.isNone(letter) || !waits.has(letter.value.state)) return
      const gone = yield* outbox.discard([letter.value.id], "its agent cancelled the task")
      if (gone.length === 0) return
      yield* tasks.cancelled(agent, task.id)
      return yield* own.lost(agent, task, "its agent cancelled it")
    }
    yield* tasks.cancelled(agent, task.id)
    yield* calls.cancelTask(agent, task.id)
  })

  const answered = ({ request, session: { agent } }: RequestContext, task: Task): Effect.Effect<Answer> => {
    switch (request.method) {
      case "tasks/get":
        return Effect.succeed(ownResult(request, TaskForm.detailed(task, keep), "answered"))
      case "tasks/cancel":
        return Effect.as(cancel(agent, task), ownResult(request, "{}", "answered"))
      default:
        // Nothing was asked, so there is nothing that the responses are to.
        return Effect.succeed(ownResult(request, "{}", "answered"))
    }
  }

  const handler: Handler = Effect.fnUntraced(function*(context, ahead) {
    const { request, session } = context
    if (!session.modern) return yield* pass(context, ahead)
    const id = request.params["taskId"]
    const task = Predicate.isString(id) && session.takesTasks ? yield* own.find(session.agent, id) : Option.none()
    if (Option.isSome(task)) return yield* answered(context, task.value)
    const greeting = yield* cached.find
    if (Option.isSome(greeting) && TasksExtension.isOfferedBy(greeting.value)) return yield* pass(context, ahead)
    return yield* session.takesTasks ? unknownTask : TaskForm.undeclared
  })
  return handler
})

/** Entries that nobody sends just now. */
const waits: ReadonlySet<string> = new Set(["pending", "held"])

const unknownTask = new RpcError({
  code: codes.invalidParams,
  message: "no task of this agent has that id: it never had, or its result is not kept any more"
})

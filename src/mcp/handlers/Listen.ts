/**
 * `subscriptions/listen`: what a GET stream is to a session (MCP 2026-07-28, subscriptions; BEHAVIOUR 2,
 * fourth handler).
 *
 * Acknowledged before anything else is said, whatever the relay's state; each notification carries the id of the request
 * that asked for it. Ended by the agent closing it, or by Holdfast's end, which is a result.
 */
import { Effect, Option, Predicate, Result, Schema } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as Envelope from "../../domain/Envelope.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import { listChanges } from "../../domain/Methods.ts"
import * as TasksExtension from "../../domain/TasksExtension.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import { idPrefix } from "../../results/Tasks.ts"
import { SessionMenu } from "../menu/SessionMenu.ts"
import type { AgentSession, Watched } from "../sessions/AgentSession.ts"
import { type Ahead, type Handler, ownResult, type RequestContext, RpcError } from "./Handler.ts"
import type { OwnTasks } from "./OwnTasks.ts"
import type { SessionStream } from "./SessionStream.ts"
import * as TaskForm from "./TaskForm.ts"

const Filter = Schema.Struct({
  toolsListChanged: Schema.optionalKey(Schema.Boolean),
  promptsListChanged: Schema.optionalKey(Schema.Boolean),
  resourcesListChanged: Schema.optionalKey(Schema.Boolean),
  resourceSubscriptions: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Of the extension of tasks. */
  taskIds: Schema.optionalKey(Schema.Array(Schema.String))
})
type Filter = typeof Filter.Type
/** Tasks that one listener may name; the acknowledgement says which. */
const maxTasks = 1_000
const decodeFilter = Schema.decodeUnknownOption(Filter)

/** Of all listeners of one context: each name is asked of the relay. */
const maxWatched = 1_000
const maxWatchedLength = 256 * 1024

export const make = Effect.fnUntraced(function*(streams: SessionStream, ownTasks: OwnTasks) {
  const { results: { keep } } = yield* Settings
  const cached = yield* CachedInitialize
  const menu = yield* SessionMenu

  const honoured = Effect.fnUntraced(function*({ agent, takesTasks }: AgentSession, asked: Filter) {
    const greeting = Option.getOrUndefined(yield* cached.find)
    const offers = (...path: ReadonlyArray<string>) =>
      greeting === undefined || JsonText.at(greeting, ["capabilities", ...path]) === "true"
    const { promptsListChanged, resourceSubscriptions, resourcesListChanged, toolsListChanged } = asked
    const hasTasks = takesTasks && greeting !== undefined && TasksExtension.isOfferedBy(greeting)
    const named = takesTasks ? [...new Set(asked.taskIds)].slice(0, maxTasks) : []
    const taskIds = yield* Effect.filter(
      named,
      (id) => isOwn(id) ? Effect.map(ownTasks.find(agent, id), Option.isSome) : Effect.succeed(hasTasks)
    )
    const granted: Filter = {
      ...(toolsListChanged === true ? { toolsListChanged } : {}),
      ...(promptsListChanged === true && offers("prompts", "listChanged") ? { promptsListChanged } : {}),
      ...(resourcesListChanged === true && offers("resources", "listChanged") ? { resourcesListChanged } : {}),
      ...(resourceSubscriptions !== undefined && resourceSubscriptions.length > 0 && offers("resources", "subscribe")
        ? { resourceSubscriptions }
        : {}),
      ...(taskIds.length > 0 ? { taskIds } : {})
    }
    return granted
  })

  /** An agent that listens holds a menu, whether it asked for it here or has it from before. */
  const baseline = Effect.fnUntraced(function*(session: AgentSession) {
    if (session.view.answered !== undefined) return
    const last = yield* menu.last(session)
    session.view.answeredWith(Option.isSome(last) ? last.value.fingerprint : "none")
  })

  /** What all that listen watch together is asked of the relay. */
  const watch = Effect.fnUntraced(function*(session: AgentSession, watched: Watched) {
    if (session.watch(watched)) yield* streams.resubscribe(session, session.subscriptions)
  })

  /** Tells of the ends of our own tasks while the scope is open. */
  const tellEnds = ({ request, session: { agent } }: RequestContext, ahead: Ahead, ids: ReadonlyArray<string>) =>
    Effect.forkScoped(ownTasks.follow(
      agent,
      ids,
      (task) => ahead.message(stamped(TaskForm.notification(task, keep), request))
    ))

  const pass = Effect.fnUntraced(function*({ request, session }: RequestContext, ahead: Ahead, filter: Filter) {
    const reader = session.log.reader(Number.MAX_SAFE_INTEGER)
    const passing = Effect.gen(function*() {
      while (true) {
        const event = yield* reader.next
        if (Option.isNone(event)) return ended(request)
        if (accepts(filter, event.value.data)) yield* ahead.message(stamped(event.value.data, request))
      }
    })
    // An agent that goes away while the stream opens must not count as a reader for good.
    return yield* Effect.acquireUseRelease(streams.open(session, undefined), () => passing, () =>
      Effect.sync(() => {
        reader.close()
        streams.closed(session)
      }))
  })

  const handler: Handler = Effect.fnUntraced(function*(context, ahead) {
    const { request, session } = context
    const asked = decodeFilter(request.params["notifications"])
    if (Option.isNone(asked)) {
      return yield* new RpcError({
        code: codes.invalidParams,
        message: "notifications is required: which changes to listen for"
      })
    }
    if (asked.value.taskIds !== undefined && !session.takesTasks) return yield* TaskForm.undeclared
    const { resourceSubscriptions = [], taskIds: tasks = [] } = asked.value
    const resources = [...resourceSubscriptions, ...session.subscriptions]
    const relayTasks = [...tasks.filter((id) => !isOwn(id)).slice(0, maxTasks), ...session.watchedTasks]
    const length = [...resources, ...relayTasks].reduce((sum, name) => sum + name.length, 0)
    if (resources.length > maxWatched || relayTasks.length > maxWatched || length > maxWatchedLength) {
      return yield* new RpcError({
        code: codes.invalidRequest,
        message:
          `${maxWatched} resources and as many tasks, or ${maxWatchedLength} characters of their names, are what all `
          + "that listens for one agent may name: name fewer, or end a listener first"
      })
    }
    const filter = yield* honoured(session, asked.value)
    yield* ahead.message(stamped(
      `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":${
        JSON.stringify(filter)
      }}}`,
      request
    ))
    if (Object.keys(filter).length === 0) return ended(request)
    if (filter.toolsListChanged === true) yield* baseline(session)
    const { taskIds = [] } = filter
    const own = taskIds.filter(isOwn)
    if (own.length > 0) yield* tellEnds(context, ahead, own)
    const watched = {
      lists: [...listChanges].filter((change) => hears(filter, change)),
      uris: filter.resourceSubscriptions ?? [],
      tasks: taskIds.filter((id) => !isOwn(id))
    }
    return yield* Effect.acquireUseRelease(
      watch(session, watched),
      () => pass(context, ahead, filter),
      () => Effect.sync(() => session.unwatch(watched))
    )
  })
  return handler
})

const isOwn = (id: string): boolean => id.startsWith(idPrefix)

const stamped = (text: string, { id }: Message.Request): string =>
  JsonText.set(text, ["params", "_meta", Envelope.subscriptionId], id)

const accepts = (filter: Filter, data: string): boolean => {
  const parsed = Message.parse(data)
  if (Result.isFailure(parsed) || parsed.success._tag !== "Notification") return false
  switch (parsed.success.method) {
    case "notifications/resources/updated": {
      const uri = parsed.success.params["uri"]
      return Predicate.isString(uri) && filter.resourceSubscriptions?.includes(uri) === true
    }
    case "notifications/tasks": {
      const id = parsed.success.params["taskId"]
      return Predicate.isString(id) && filter.taskIds?.includes(id) === true
    }
    default:
      return hears(filter, parsed.success.method)
  }
}

/** Whether the change of a list is told. */
const hears = (filter: Filter, notification: string): boolean => {
  switch (notification) {
    case "notifications/tools/list_changed":
      return filter.toolsListChanged === true
    case "notifications/prompts/list_changed":
      return filter.promptsListChanged === true
    case "notifications/resources/list_changed":
      return filter.resourcesListChanged === true
    default:
      return false
  }
}

const ended = (request: Message.Request) =>
  ownResult(request, `{"resultType":"complete","_meta":{"${Envelope.subscriptionId}":${request.id}}}`, "answered")

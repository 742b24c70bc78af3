/**
 * `subscriptions/listen`: what a GET stream is to a session (MCP 2026-07-28, subscriptions; BEHAVIOUR 2, fourth
 * intervention).
 *
 * Acknowledged before anything else is said, whatever the relay's state; each notification carries the id of the request
 * that asked for it. Ended by the agent closing it, or by Holdfast's end, which is a result.
 */
import { Context, Effect, Layer, Option, Predicate, Result, Schema } from "effect"
import * as Envelope from "../../domain/Envelope.ts"
import { codes } from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import * as Message from "../../domain/Message.ts"
import { KeptInitialize } from "../../menu/KeptInitialize.ts"
import { refuse, say, type Told } from "../Forwarding.ts"
import { SessionMenu } from "../menus/SessionMenu.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { ServerStream } from "./ServerStream.ts"

const Filter = Schema.Struct({
  toolsListChanged: Schema.optionalKey(Schema.Boolean),
  promptsListChanged: Schema.optionalKey(Schema.Boolean),
  resourcesListChanged: Schema.optionalKey(Schema.Boolean),
  resourceSubscriptions: Schema.optionalKey(Schema.Array(Schema.String))
})
type Filter = typeof Filter.Type
const decodeFilter = Schema.decodeUnknownOption(Filter)

/** One for each relay. */
export class Subscriptions extends Context.Service<Subscriptions, {
  /** Goes on until it is interrupted. */
  readonly answer: (session: AgentSession, request: Message.Request, passage: Told) => Effect.Effect<void>
}>()("holdfast/mcp/Subscriptions") {
  static readonly layer = Layer.effect(
    Subscriptions,
    Effect.gen(function*() {
      const kept = yield* KeptInitialize
      const menu = yield* SessionMenu
      const streams = yield* ServerStream

      const honoured = Effect.fnUntraced(function*(asked: Filter) {
        const greeting = Option.getOrUndefined(yield* kept.find)
        const offers = (...path: ReadonlyArray<string>) =>
          greeting === undefined || JsonText.at(greeting, ["capabilities", ...path]) === "true"
        const { promptsListChanged, resourceSubscriptions, resourcesListChanged, toolsListChanged } = asked
        const granted: Filter = {
          ...(toolsListChanged === true ? { toolsListChanged } : {}),
          ...(promptsListChanged === true && offers("prompts", "listChanged") ? { promptsListChanged } : {}),
          ...(resourcesListChanged === true && offers("resources", "listChanged") ? { resourcesListChanged } : {}),
          ...(resourceSubscriptions !== undefined && resourceSubscriptions.length > 0 &&
              offers("resources", "subscribe")
            ? { resourceSubscriptions }
            : {})
        }
        return granted
      })

      /** An agent that listens holds a menu, whether it asked for it here or has it from before. */
      const baseline = Effect.fnUntraced(function*(session: AgentSession) {
        if (session.view.answered !== undefined) return
        const last = yield* menu.last(session)
        session.view.told(Option.isSome(last) ? yield* menu.fingerprint(session, last.value.result) : "none")
      })

      const listen = Effect.fnUntraced(
        function*(session: AgentSession, request: Message.Request, passage: Told, filter: Filter) {
          const stamped = (text: string) => JsonText.set(text, ["params", "_meta", Envelope.subscriptionId], request.id)
          yield* passage.answer.message(stamped(
            `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":${
              JSON.stringify(filter)
            }}}`
          ))
          if (Object.keys(filter).length === 0) return yield* say(passage, ended(request), "answered")
          if (filter.toolsListChanged === true) yield* baseline(session)
          yield* watching(session, filter.resourceSubscriptions ?? [], 1)
          const reader = session.log.reader(Number.MAX_SAFE_INTEGER)
          yield* streams.open(session, undefined)
          yield* Effect.gen(function*() {
            while (true) {
              const event = yield* reader.next
              if (Option.isNone(event)) return yield* say(passage, ended(request), "answered")
              if (accepts(filter, event.value.data)) yield* passage.answer.message(stamped(event.value.data))
            }
          }).pipe(
            Effect.ensuring(Effect.andThen(reader.close, streams.closed(session))),
            Effect.ensuring(watching(session, filter.resourceSubscriptions ?? [], -1))
          )
        }
      )

      /** What all that listen watch together is asked of the relay. */
      const watching = Effect.fnUntraced(function*(session: AgentSession, uris: ReadonlyArray<string>, by: 1 | -1) {
        if (uris.length === 0) return
        const before = session.watched.size
        for (const uri of uris) {
          const count = (session.watched.get(uri) ?? 0) + by
          if (count > 0) session.watched.set(uri, count)
          else session.watched.delete(uri)
        }
        session.subscriptions = [...session.watched.keys()].map((uri) =>
          `{"jsonrpc":"2.0","id":"holdfast-watch","method":"resources/subscribe","params":{"uri":${
            JSON.stringify(uri)
          }}}`
        )
        if (by === 1 && session.watched.size > before) yield* streams.resubscribe(session, session.subscriptions)
      })

      return Subscriptions.of({
        answer: Effect.fnUntraced(function*(session, request, passage) {
          const filter = decodeFilter(request.params["notifications"])
          if (Option.isSome(filter)) {
            return yield* listen(session, request, passage, yield* honoured(filter.value))
          }
          yield* refuse(passage, request, {
            code: codes.invalidParams,
            message: "notifications is required: which changes to listen for"
          })
        })
      })
    })
  )
}

const accepts = (filter: Filter, data: string): boolean => {
  const parsed = Message.parse(data)
  if (Result.isFailure(parsed) || parsed.success._tag !== "Notification") return false
  switch (parsed.success.method) {
    case "notifications/tools/list_changed":
      return filter.toolsListChanged === true
    case "notifications/prompts/list_changed":
      return filter.promptsListChanged === true
    case "notifications/resources/list_changed":
      return filter.resourcesListChanged === true
    case "notifications/resources/updated": {
      const uri = parsed.success.params["uri"]
      return Predicate.isString(uri) && filter.resourceSubscriptions?.includes(uri) === true
    }
    default:
      return false
  }
}

const ended = ({ id }: Message.Request): string =>
  `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","_meta":{"${Envelope.subscriptionId}":${id}}}}`

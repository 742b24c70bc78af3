/**
 * `server/discover`: the relay's answer, or the last known one while it is away (BEHAVIOUR 2, first handler).
 *
 * Like `initialize` it is always answered: clients give up a server that does not. A relay of the legacy era is described
 * by its InitializeResult.
 */
import { Effect, Option, Result } from "effect"
import * as EraForm from "../../domain/EraForm.ts"
import * as JsonText from "../../domain/JsonText.ts"
import { modernVersions } from "../../domain/ProtocolVersion.ts"
import * as TasksExtension from "../../domain/TasksExtension.ts"
import { CachedInitialize } from "../../menu/CachedInitialize.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import * as Greeting from "./Greeting.ts"
import { type Ahead, type Answer, answered, type Handler, type Outcome, type RequestContext } from "./Handler.ts"
import { minimal } from "./Initialize.ts"
import type { PassThrough } from "./PassThrough.ts"

export const make = Effect.fnUntraced(function*(passThrough: PassThrough) {
  const greeting = yield* Greeting.make
  const cached = yield* CachedInitialize

  /** The relay's whole response, with our part in it; `undefined` where it is none that a client could read. */
  const ask = Effect.fnUntraced(function*(context: RequestContext, ahead: Ahead) {
    const { session } = context
    const open = yield* session.relay.open
    if (open.modern === undefined) {
      yield* cached.save(open.result)
      return discovered(context, open.result, "answered")
    }
    const final = yield* passThrough.attempt(context, ahead)
    if (final.body._tag === "Chunks") return undefined
    const result = JsonText.at(final.body.text, ["result"])
    if (result === undefined) return answered(final)
    yield* cached.save(result)
    const text = JsonText.set(final.body.text, ["result"], withOurPart(session, result))
    return { ...answered(final), body: { _tag: "Whole" as const, text } }
  }, Effect.scoped)

  const fallback = (context: RequestContext, known: Option.Option<string>): Answer =>
    discovered(
      context,
      JsonText.set(EraForm.asDiscoverResult(Option.getOrElse(known, () => minimal)), ["ttlMs"], "0"),
      "cached"
    )

  const handler: Handler = Effect.fnUntraced(function*(context, ahead) {
    const { inTime, known } = yield* greeting(context.session, Effect.result(ask(context, ahead)))
    const found = Option.flatMap(inTime, Result.getSuccess)
    return Option.getOrUndefined(found) ?? fallback(context, known)
  })
  return handler
})

const discovered = ({ request: { id }, session }: RequestContext, greeting: string, outcome: Outcome): Answer => ({
  outcome,
  status: 200,
  headers: {},
  body: {
    _tag: "Whole",
    text: `{"jsonrpc":"2.0","id":${id},"result":${withOurPart(session, EraForm.asDiscoverResult(greeting))}}`
  }
})

/**
 * Our own list_changed is promised, and tasks of our own to a client that takes them, but no revision that we don't speak.
 */
const withOurPart = ({ takesTasks }: AgentSession, result: string): string => {
  const versions = JsonText.elements(result, ["supportedVersions"])
  const ours = versions.filter((version) => modernVersions.some((known) => version === JSON.stringify(known)))
  const changes = JsonText.set(result, ["capabilities", "tools", "listChanged"], "true")
  const promised = takesTasks ? TasksExtension.offeredBy(changes) : changes
  return ours.length === versions.length
    ? promised
    : JsonText.set(promised, ["supportedVersions"], `[${ours.join(",")}]`)
}

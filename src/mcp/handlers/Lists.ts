/**
 * Lists: the relay's, narrowed; or the last known one while the relay is away, slow or asks to slow down (BEHAVIOUR 2).
 *
 * The forwarded request runs on behind a cached answer: a late list replaces the cached one, and is announced if it differs.
 */
import { Duration, Effect, Exit, Fiber, Option, Result } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import { isList, itemsOf, type ListMethod } from "../../domain/Methods.ts"
import { ownPiece } from "../../domain/OwnText.ts"
import { CachedLists } from "../../menu/CachedLists.ts"
import * as ListResult from "../../menu/ListResult.ts"
import { ListPages } from "../../menu/ListResult.ts"
import { digestOf } from "../../menu/MenuDigest.ts"
import { ToolPins } from "../../menu/ToolPins.ts"
import { Happenings } from "../../observability/Happenings.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import { letOthersIn } from "../../relay/transport/AnswerReading.ts"
import { listChanged, listChangedMethod } from "../menu/ListChanges.ts"
import { MenuSignals } from "../menu/MenuSignals.ts"
import { OwnStreams } from "../menu/OwnStreams.ts"
import { SessionMenu } from "../menu/SessionMenu.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { SessionStore } from "../sessions/SessionStore.ts"
import { type Ahead, type Answer, answered, type Handler, ownResult, type RequestContext, RpcError } from "./Handler.ts"
import type { PassThrough } from "./PassThrough.ts"

interface ListRequest extends Request {
  readonly method: ListMethod
}

const isListRequest = (request: Request): request is ListRequest => isList(request.method)

/** As it stands in the request's text. */
const cursorOf = (request: ListRequest): string | undefined => JsonText.at(request.text, ["params", "cursor"])

export const make = Effect.fnUntraced(function*(passThrough: PassThrough) {
  const { link: { fallbackAfter, outageGrace: grace } } = yield* Settings
  const link = yield* RelayLink
  const cached = yield* CachedLists
  const menu = yield* SessionMenu
  const signals = yield* MenuSignals
  const store = yield* SessionStore
  const happenings = yield* Happenings
  const pins = yield* ToolPins
  const ownStreams = yield* OwnStreams
  const pagesOf: Partial<Record<ListMethod, ListPages>> = {}

  /** The relay's whole response, cached once its last page is there. */
  const fetch = Effect.fnUntraced(function*(context: RequestContext, ahead: Ahead, request: ListRequest) {
    const { session } = context
    const final = yield* passThrough.attempt(context, ahead)
    if (final.body._tag === "Chunks") {
      return yield* new RelayFailure({ reason: new AnswerCutOff({ detail: "a list of more than 16 MiB" }) })
    }
    const text = final.parts?.result ?? JsonText.at(final.body.text, ["result"])
    if (text === undefined) return { final, result: text, whole: undefined }
    const result = ownPiece(text, final.body.text)
    yield* letOthersIn(result)
    const pages = pagesOf[request.method] ??= new ListPages(itemsOf[request.method])
    const unfit = pages.unfit(result)
    if (unfit !== undefined) return yield* new RelayFailure({ reason: new AnswerCutOff({ detail: unfit }) })
    yield* letOthersIn(result)
    const before = session.view.pagesBefore(request.method, cursorOf(request))
    const next = pages.nextCursor(result)
    if (before !== undefined && next !== undefined) session.view.readOn(request.method, next, [...before, result])
    const whole: string | undefined = before !== undefined && next === undefined
      ? pages.whole([...before, result])
      : undefined
    if (whole === undefined) return { final, result, whole }
    const saved = yield* cached.save(yield* menu.key(session), request.method, whole)
    yield* letOthersIn(whole)
    if (request.method === "tools/list") {
      yield* pins.read(whole)
      yield* pins.listed(whole)
      yield* letOthersIn(whole)
    }
    const inOrder = saved.result === whole
      ? result
      : ListResult.inOrderOf(saved.result, itemsOf[request.method], result)
    return { final, result: inOrder, whole: saved.result }
  }, Effect.scoped)

  type Fetched = Effect.Success<ReturnType<typeof fetch>>
  type Fetching = Fiber.Fiber<Result.Result<Fetched, RelayFailure>>

  /** The agent is about to hold this list. */
  const answeredWith = Effect.fnUntraced(function*(session: AgentSession, method: ListMethod, whole?: string) {
    if (method !== "tools/list" || whole === undefined) return
    const list = yield* menu.narrow(session, whole)
    const { fingerprint } = list
    yield* letOthersIn(list.result)
    if (happenings.heard) session.view.shown = digestOf(list)
    yield* letOthersIn(list.result)
    // Processes of one agent that have no sessions share a view: what one has listed is news to those that listen.
    const news = session.modern && session.hears(listChangedMethod) && session.view.isNews(fingerprint)
    const changed = session.view.answeredWith(fingerprint)
    if (news) session.log.append(listChanged, listChangedMethod)
    if (changed) yield* store.save(session.saved)
    if (session.modern) ownStreams.holdsMenu(session)
  })

  const freshAnswer = Effect.fnUntraced(function*(
    { session }: RequestContext,
    request: ListRequest,
    { final, result, whole }: Fetched
  ): Effect.fn.Return<Answer> {
    yield* answeredWith(session, request.method, whole)
    session.view.knows(request.method)
    if (result === undefined || request.method !== "tools/list" || final.body._tag === "Chunks") return answered(final)
    const narrowed = yield* menu.narrow(session, result)
    if (final.parts === undefined) {
      const text = JsonText.set(final.body.text, ["result"], narrowed.result)
      return { ...answered(final), body: { _tag: "Whole", text } }
    }
    const { head, tail } = final.parts
    return {
      ...answered(final),
      body: { _tag: "Whole", text: head + narrowed.result + tail },
      encoded: [head, narrowed.bytes, tail]
    }
  })

  const isCached = Effect.fnUntraced(function*({ session }: RequestContext, { method }: ListRequest) {
    return Option.isSome(yield* cached.find(yield* menu.key(session), method))
  })

  const cachedAnswer = Effect.fnUntraced(function*({ session }: RequestContext, request: ListRequest) {
    const list = yield* cached.find(yield* menu.key(session), request.method)
    if (Option.isNone(list)) return undefined
    yield* answeredWith(session, request.method, list.value.result)
    // An agent that has read some pages already gets the rest.
    const items = itemsOf[request.method]
    const given = new Set(
      (session.view.pagesBefore(request.method, cursorOf(request)) ?? []).flatMap((page) =>
        JsonText.elements(page, [items])
      )
    )
    const rest = given.size === 0
      ? list.value.result
      : JsonText.keepElements(list.value.result, [items], (item) => !given.has(item))
    const result = request.method === "tools/list" ? (yield* menu.narrow(session, rest)).result : rest
    return ownResult(request, ListResult.stale({ ...list.value, result }), "cached")
  })

  /** Nothing is known: a list that is empty for now, which the agent is told of when there is one. */
  const emptyAnswer = Effect.fnUntraced(function*({ session }: RequestContext, request: ListRequest) {
    if (menu.ignoresListChanged(session)) {
      return yield* new RpcError({
        code: JsonRpcError.codes.relay,
        message: "The relay cannot be reached and its tools are not known yet; ask again in a moment."
      })
    }
    const none = `{"${itemsOf[request.method]}":[]}`
    yield* answeredWith(session, request.method, none)
    const empty = request.method === "tools/list" ? (yield* menu.narrow(session, none)).result : none
    if (request.method !== "tools/list") session.view.answeredUnknown(request.method)
    return ownResult(request, empty, "cached")
  })

  /** Behind an answer of ours: what comes late is held against it, and what fails is fetched again. */
  const follow = (session: AgentSession, { method }: ListRequest, fetching: Fetching | undefined): void => {
    if (fetching === undefined) return
    session.inBackground(Effect.flatMap(Fiber.await(fetching), (exit) => {
      const late = Exit.isSuccess(exit) && Result.isSuccess(exit.value) && exit.value.success.whole !== undefined
      if (method !== "tools/list" && !session.view.unknown.includes(method)) return Effect.void
      return signals.offer({ _tag: late ? "LateList" : "RelayList", session })
    }))
  }

  /** The relay's answer, if it comes in time. */
  const answerInTime = Effect.fnUntraced(function*(
    context: RequestContext,
    request: ListRequest,
    fetching: Fetching,
    timeout: Duration.Duration
  ) {
    const inTime = yield* Effect.timeoutOption(Fiber.join(fetching), timeout)
    if (Option.isNone(inTime)) return undefined
    if (Result.isSuccess(inTime.value)) return yield* freshAnswer(context, request, inTime.value.success)
    const { failure } = inTime.value
    if (failure.downClass) return undefined
    // A client that gets no list at its start has no tools for its whole life.
    if (failure.reason._tag === "RateLimited" && (yield* isCached(context, request))) return undefined
    return yield* failure
  })

  const linkIsUp = Effect.timeoutOption(Effect.eventually(link.awaitUp), grace)

  const answer = Effect.fnUntraced(function*(context: RequestContext, ahead: Ahead, request: ListRequest) {
    const { session } = context
    const start = (): Fetching => session.inBackground(Effect.result(fetch(context, ahead, request)))
    let fetching: Fetching | undefined
    if ((yield* link.state)._tag === "Up") {
      fetching = start()
      const fresh = yield* answerInTime(context, request, fetching, fallbackAfter)
      if (fresh !== undefined) return fresh
    }
    const known = yield* cachedAnswer(context, request)
    if (known !== undefined) {
      follow(session, request, fetching)
      return known
    }
    // Nobody was ever given one, and there is nobody to ask: a client that waits for its lists would hold its model up.
    const isDown = (yield* link.state)._tag === "Down"
    if (isDown && !menu.ignoresListChanged(session) && !(yield* cached.wasGiven(request.method))) {
      follow(session, request, fetching)
      return yield* emptyAnswer(context, request)
    }
    // Nothing is known: a request that is under way gets the rest of the time, else the link, and then one more.
    if (fetching?.pollUnsafe() === undefined && fetching !== undefined) {
      const fresh = yield* answerInTime(context, request, fetching, Duration.subtract(grace, fallbackAfter))
      if (fresh !== undefined) return fresh
    } else if (Option.isSome(yield* linkIsUp)) {
      fetching = start()
      const fresh = yield* answerInTime(context, request, fetching, fallbackAfter)
      if (fresh !== undefined) return fresh
    }
    const empty = yield* emptyAnswer(context, request)
    follow(session, request, fetching)
    return empty
  })

  const handler: Handler = (context, ahead) =>
    isListRequest(context.request)
      ? answer(context, ahead, context.request)
      : Effect.die(`${context.request.method} is no list`)
  return handler
})

/**
 * Lists: the relay's, narrowed; or the last known one while the relay is away or slow (BEHAVIOUR 2, second intervention).
 *
 * The forwarded request runs on behind a kept answer: a late list replaces the kept one, and is announced if it differs.
 */
import { Context, Duration, Effect, Exit, Fiber, FiberSet, Layer, Option, Result } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as JsonRpcError from "../../domain/JsonRpcError.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Request } from "../../domain/Message.ts"
import { itemsOf, KeptLists, type ListMethod } from "../../menu/KeptLists.ts"
import { nextCursor, onePage } from "../../menu/onePage.ts"
import { staleList } from "../../menu/StaleList.ts"
import { RelayLink } from "../../relay/link/RelayLink.ts"
import { AnswerCutOff, RelayFailure } from "../../relay/RelayFailure.ts"
import { Forwarding, type Passage, refuse, say } from "../Forwarding.ts"
import { listChanged, listChangedMethod } from "../menus/ListChanges.ts"
import { MenuSignals } from "../menus/MenuSignals.ts"
import { SessionMenu } from "../menus/SessionMenu.ts"
import type { AgentSession } from "../sessions/AgentSession.ts"
import { SessionStore } from "../sessions/SessionStore.ts"

export interface ListRequest extends Request {
  readonly method: ListMethod
}

export const isListRequest = (request: Request): request is ListRequest => request.method in itemsOf

/** As it stands in the request's text. */
const cursorOf = (request: ListRequest): string | undefined => JsonText.at(request.text, ["params", "cursor"])

export type ListPassage = Pick<Passage, "headers" | "answer" | "noted" | "as">

/** One for each relay. */
export class Lists extends Context.Service<Lists, {
  readonly answer: (session: AgentSession, request: ListRequest, passage: ListPassage) => Effect.Effect<void>
}>()("holdfast/mcp/Lists") {
  static readonly layer = Layer.effect(
    Lists,
    Effect.gen(function*() {
      const settings = yield* Settings
      const link = yield* RelayLink
      const kept = yield* KeptLists
      const menu = yield* SessionMenu
      const forwarding = yield* Forwarding
      const signals = yield* MenuSignals
      const store = yield* SessionStore

      /** The relay's whole response, kept once its last page is there. */
      const fetch = Effect.fnUntraced(
        function*(session: AgentSession, request: ListRequest, passage: ListPassage) {
          const final = yield* forwarding.attempt(session, request, {
            ...passage,
            within: settings.link.listTimeout,
            reads: true
          })
          if (final.body._tag === "Chunks") {
            return yield* new RelayFailure({ reason: new AnswerCutOff({ detail: "a list of more than 16 MiB" }) })
          }
          const result = JsonText.at(final.body.text, ["result"])
          if (result === undefined) return { ...final, text: final.body.text, result, whole: undefined }
          const before = session.view.pagesBefore(request.method, cursorOf(request))
          const next = nextCursor(result)
          if (before !== undefined && next !== undefined) session.view.readOn(request.method, next, [...before, result])
          const whole = before !== undefined && next === undefined
            ? onePage(itemsOf[request.method], [...before, result])
            : undefined
          if (whole !== undefined) yield* kept.keep(yield* menu.key(session), request.method, whole)
          return { ...final, text: final.body.text, result, whole }
        },
        Effect.scoped
      )

      const told = Effect.fnUntraced(function*(session: AgentSession, method: ListMethod, whole: string | undefined) {
        if (method !== "tools/list" || whole === undefined) return
        const fingerprint = yield* menu.fingerprint(session, whole)
        // Processes of one agent that have no sessions share a view: what one has listed is news to those that listen.
        const news = session.modern && session.readers > 0 && session.view.isNews(fingerprint)
        session.view.told(fingerprint)
        if (news) yield* session.log.append(listChanged, listChangedMethod)
        yield* store.save(session.saved)
      })

      const tellFresh = Effect.fnUntraced(function*(
        session: AgentSession,
        request: ListRequest,
        passage: ListPassage,
        fresh: Effect.Success<ReturnType<typeof fetch>>
      ) {
        yield* told(session, request.method, fresh.whole)
        const text = fresh.result === undefined || request.method !== "tools/list"
          ? fresh.text
          : JsonText.set(fresh.text, ["result"], yield* menu.narrow(session, fresh.result))
        yield* passage.answer.answer({
          _tag: "Json",
          status: fresh.status,
          headers: fresh.headers,
          body: { _tag: "Whole", text }
        })
      })

      const tellKept = Effect.fnUntraced(function*(session: AgentSession, request: ListRequest, passage: ListPassage) {
        const list = yield* kept.find(yield* menu.key(session), request.method)
        if (Option.isNone(list)) return false
        yield* told(session, request.method, list.value.result)
        // An agent that has read some pages already gets the rest.
        const given = new Set(
          (session.view.pagesBefore(request.method, cursorOf(request)) ?? []).flatMap((page) =>
            JsonText.elements(page, [itemsOf[request.method]])
          )
        )
        const rest = given.size === 0
          ? list.value.result
          : JsonText.keepElements(list.value.result, [itemsOf[request.method]], (item) => !given.has(item))
        const stale = staleList({ ...list.value, result: rest })
        const result = request.method === "tools/list" ? yield* menu.narrow(session, stale) : stale
        yield* say(passage, `{"jsonrpc":"2.0","id":${request.id},"result":${result}}`, "cached")
        return true
      })

      /** Nothing is known: a list that is empty for now, which the agent is told of when there is one. */
      const tellEmpty = Effect.fnUntraced(function*(session: AgentSession, request: ListRequest, passage: ListPassage) {
        if (menu.ignoresListChanged(session)) {
          return yield* refuse(passage, request, {
            code: JsonRpcError.codes.relay,
            message: "The relay cannot be reached and its tools are not known yet; ask again in a moment."
          })
        }
        const empty = `{"${itemsOf[request.method]}":[]}`
        yield* told(session, request.method, empty)
        yield* say(passage, `{"jsonrpc":"2.0","id":${request.id},"result":${empty}}`, "cached")
      })

      type Fetching = Fiber.Fiber<Result.Result<Effect.Success<ReturnType<typeof fetch>>, RelayFailure>>

      const started = (session: AgentSession, request: ListRequest, passage: ListPassage): Effect.Effect<Fetching> =>
        FiberSet.run(session.work, Effect.result(fetch(session, request, passage)))

      /** Behind an answer of ours: what comes late is held against it, and what fails is fetched again. */
      const follow = (session: AgentSession, request: ListRequest, fetching: Fetching) =>
        request.method !== "tools/list" ? Effect.void : Fiber.await(fetching).pipe(
          Effect.flatMap((exit) => {
            const late = Exit.isSuccess(exit) && Result.isSuccess(exit.value) && exit.value.success.whole !== undefined
            return signals.offer({ _tag: late ? "LateList" : "RelayList", session })
          }),
          FiberSet.run(session.work),
          Effect.asVoid
        )

      /** The relay's answer, if it comes in time; whether the agent was told. */
      const tellWithin = Effect.fnUntraced(function*(
        session: AgentSession,
        request: ListRequest,
        passage: ListPassage,
        fetching: Fetching,
        patience: Duration.Duration
      ) {
        const inTime = yield* Effect.timeoutOption(Fiber.join(fetching), patience)
        if (Option.isNone(inTime)) return false
        if (Result.isSuccess(inTime.value)) yield* tellFresh(session, request, passage, inTime.value.success)
        else if (inTime.value.failure.downClass) return false
        else yield* forwarding.tell(passage, request, inTime.value.failure)
        return true
      })

      const { fallbackAfter, outageGrace } = settings.link
      const linkIsUp = Effect.timeoutOption(Effect.eventually(link.awaitUp), outageGrace)

      return Lists.of({
        answer: Effect.fnUntraced(function*(session, request, passage) {
          let fetching: Fetching | undefined
          if ((yield* link.state)._tag === "Up") {
            fetching = yield* started(session, request, passage)
            if (yield* tellWithin(session, request, passage, fetching, fallbackAfter)) return
          }
          if (yield* tellKept(session, request, passage)) {
            return fetching === undefined ? undefined : yield* follow(session, request, fetching)
          }
          // Nothing is known: a request that is under way gets the rest of the time, else the link, and then one more.
          if (fetching?.pollUnsafe() === undefined && fetching !== undefined) {
            const rest = Duration.subtract(outageGrace, fallbackAfter)
            if (yield* tellWithin(session, request, passage, fetching, rest)) return
          } else if (Option.isSome(yield* linkIsUp)) {
            fetching = yield* started(session, request, passage)
            if (yield* tellWithin(session, request, passage, fetching, fallbackAfter)) return
          }
          yield* tellEmpty(session, request, passage)
          if (fetching !== undefined) yield* follow(session, request, fetching)
        })
      })
    })
  )
}

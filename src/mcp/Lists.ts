/**
 * Lists: the relay's, narrowed; or the last known one while the relay is away or slow (BEHAVIOUR 2, second intervention).
 *
 * The forwarded request runs on behind a kept answer: a late list replaces the kept one, and is announced if it differs.
 */
import { Context, Effect, Exit, Fiber, FiberSet, Layer, Option, Stream } from "effect"
import { Settings } from "../config/Settings.ts"
import * as JsonRpcError from "../domain/JsonRpcError.ts"
import * as JsonText from "../domain/JsonText.ts"
import type { Request } from "../domain/Message.ts"
import { itemsOf, KeptLists, type ListMethod } from "../menu/KeptLists.ts"
import { onePage } from "../menu/onePage.ts"
import { staleList } from "../menu/StaleList.ts"
import { AnswerCutOff, RelayFailure } from "../relay/RelayFailure.ts"
import { RelayLink } from "../relay/RelayLink.ts"
import type { AgentSession } from "./AgentSession.ts"
import { Forwarding, type Passage, refuse, say, tell } from "./Forwarding.ts"
import { MenuSignals } from "./MenuSignals.ts"
import { SessionMenu } from "./SessionMenu.ts"
import { SessionStore } from "./SessionStore.ts"

export interface ListRequest extends Request {
  readonly method: ListMethod
}

export const isListRequest = (request: Request): request is ListRequest => request.method in itemsOf

export type ListPassage = Pick<Passage, "headers" | "answer" | "noted">

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
      const isUp = Stream.runHead(Stream.filter(link.changes, (state) => state._tag === "Up"))

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
          const pages = session.view.pagesWith(request.method, request.params["cursor"] === undefined, result)
          const last = JsonText.at(result, ["nextCursor"]) === undefined
          const whole = last ? onePage(itemsOf[request.method], pages) : undefined
          if (whole !== undefined) yield* kept.keep(yield* menu.key(session), request.method, whole)
          return { ...final, text: final.body.text, result, whole }
        },
        Effect.scoped
      )

      const told = Effect.fnUntraced(function*(session: AgentSession, method: ListMethod, whole: string | undefined) {
        if (method !== "tools/list" || whole === undefined) return
        session.view.told(yield* menu.fingerprint(session, whole))
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
        const stale = staleList(list.value)
        const result = request.method === "tools/list" ? yield* menu.narrow(session, stale) : stale
        yield* say(passage, `{"jsonrpc":"2.0","id":${request.id},"result":${result}}`, "kept")
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
        yield* say(passage, `{"jsonrpc":"2.0","id":${request.id},"result":${empty}}`, "kept")
      })

      const away = Effect.fnUntraced(function*(session: AgentSession, request: ListRequest, passage: ListPassage) {
        if (yield* tellKept(session, request, passage)) return
        yield* isUp.pipe(
          Effect.timeoutOption(settings.link.waitYoung),
          Effect.flatMap(Option.match({
            onNone: () => tellEmpty(session, request, passage),
            onSome: () =>
              fetch(session, request, passage).pipe(
                Effect.flatMap((fresh) => tellFresh(session, request, passage, fresh)),
                Effect.catch((failure) =>
                  failure.downClass ? tellEmpty(session, request, passage) : tell(passage, request, failure)
                )
              )
          }))
        )
      })

      return Lists.of({
        answer: Effect.fnUntraced(function*(session, request, passage) {
          if ((yield* link.state)._tag === "Down") return yield* away(session, request, passage)
          const fetching = yield* FiberSet.run(session.work, Effect.result(fetch(session, request, passage)))
          const inTime = yield* Effect.timeoutOption(Fiber.join(fetching), settings.link.fallbackAfter)
          if (Option.isNone(inTime) && (yield* tellKept(session, request, passage))) {
            return yield* Fiber.await(fetching).pipe(
              Effect.flatMap((exit) =>
                Exit.isSuccess(exit) && exit.value._tag === "Success"
                  ? signals.offer({ _tag: "LateList", session })
                  : Effect.void
              ),
              FiberSet.run(session.work),
              Effect.asVoid
            )
          }
          const fetched = Option.isSome(inTime) ? inTime.value : yield* Fiber.join(fetching)
          if (fetched._tag === "Success") return yield* tellFresh(session, request, passage, fetched.success)
          return fetched.failure.downClass
            ? yield* away(session, request, passage)
            : yield* tell(passage, request, fetched.failure)
        })
      })
    })
  )
}

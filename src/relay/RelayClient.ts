/**
 * One request to the relay, with all that keeps it alive: session, token, the watch over silence.
 *
 * Repeats only what the relay did not act on, once each: a lost session is reopened, a 401 asks for one shared refresh
 * of the token and then for a new session (BEHAVIOUR 3, 7). Down-class failures are reported to the link. A silent
 * call is watched: after 10 s without bytes the link probes beside it, and two failures end it.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Option, Scope } from "effect"
import { Settings } from "../config/Settings.ts"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"
import type { SseEvent } from "../domain/SseEvent.ts"
import { LiveToken, type Token } from "../token/LiveToken.ts"
import { follow } from "./Following.ts"
import { RelayLink } from "./link/RelayLink.ts"
import { reporting } from "./link/Reporting.ts"
import { OtherPrincipal, RelayFailure } from "./RelayFailure.ts"
import { listened } from "./RelayListen.ts"
import { relayStream } from "./RelayStream.ts"
import { cross } from "./session/EraBridge.ts"
import * as Handshake from "./session/Handshake.ts"
import { ParamHeaders } from "./session/ParamHeaders.ts"
import { recovering } from "./session/Recovery.ts"
import type { OpenRelaySession, RelaySession } from "./session/RelaySession.ts"
import { SilenceWatch } from "./SilenceWatch.ts"
import { isMessage, jsonAnswer, notOurs, wholeBytes } from "./transport/AnswerReading.ts"
import { after, collect } from "./transport/BodyText.ts"
import { type Pull, type RelayAnswer, RelayTransport } from "./transport/RelayTransport.ts"

/** The relay's JSON-RPC answer to our id. */
export interface FinalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body:
    | { readonly _tag: "Whole"; readonly text: string }
    /** JSON that is passed on as it comes. */
    | { readonly _tag: "Chunks"; readonly chunks: Pull<Uint8Array> }
}

export interface RequestOptions {
  /** The JSON-RPC text, sent byte for byte. */
  readonly text: string
  /** The request's id, as it stands in the text. */
  readonly id: string
  /** The id that it goes under at the relay, JSON text, where its own is in use; the answer comes under its own. */
  readonly as?: string | undefined
  /** Whom the token has to stand for; anything else is `OtherPrincipal`, not sent. */
  readonly principal?: PrincipalId | undefined
  /** The agent's headers that may pass. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Each SSE message that comes before the answer, in order. */
  readonly onEvent?: ((event: SseEvent, session: OpenRelaySession) => Effect.Effect<void>) | undefined
  /** Called whenever bytes of the answer's body arrive. */
  readonly onBytes?: (() => void) | undefined
  /** Called when the relay ends its stream for its client to come again. */
  readonly onPoll?: Effect.Effect<void> | undefined
  /** Called once the relay has begun to answer with SSE. */
  readonly onStream?: Effect.Effect<void> | undefined
  /**
   * Pass JSON on as it comes, unless all of it comes at once; otherwise it is collected whole, up to 16 MiB, and beyond
   * passed on.
   */
  readonly streamJson?: boolean | undefined
  /** The bound on the whole request (BEHAVIOUR 4): 10 min for a call, 10 s for lists, 30 s for reads. */
  readonly within: number
}

export class RelayClient extends Context.Service<RelayClient, {
  /** Never waits for a link that is Down: whoever may wait asks `RelayLink.awaitUp` first. */
  readonly request: (
    session: RelaySession,
    options: RequestOptions
  ) => Effect.Effect<FinalAnswer, RelayFailure, Scope.Scope>
  /** A notification or a response; the relay answers 202. The modern era has neither, so there it is dropped. */
  readonly notify: (session: RelaySession, text: string) => Effect.Effect<void, RelayFailure>
  /**
   * The relay's own stream on this session (GET, or `subscriptions/listen` to all that it offers); `SessionLost` and 401
   * are handled as for a request.
   */
  readonly stream: (
    session: RelaySession,
    lastEventId: string | undefined
  ) => Effect.Effect<{ readonly answer: RelayAnswer; readonly session: OpenRelaySession }, RelayFailure, Scope.Scope>
  /** The text of a tools/list result from before this life: which parameters its tools want mirrored in headers. */
  readonly listed: (result: string) => Effect.Effect<void>
}>()("holdfast/relay/RelayClient") {
  static readonly layer = Layer.effect(
    RelayClient,
    Effect.gen(function*() {
      const transport = yield* RelayTransport
      const liveToken = yield* LiveToken
      const link = yield* RelayLink
      const settings = (yield* Settings).link
      const clock = yield* Clock.Clock
      const report = yield* reporting(link)
      const params = new ParamHeaders()

      const watchFor = (within: number) =>
        new SilenceWatch({ clock, probe: link.probe, silence: settings.silence, failures: 2, within })
      const answered = (agent: AgentName) => Effect.andThen(link.answered, liveToken.accepted(agent))

      const ask = Effect.fnUntraced(function*(
        options: RequestOptions,
        watch: SilenceWatch,
        open: OpenRelaySession,
        token: Option.Option<Token>
      ): Effect.fn.Return<FinalAnswer, RelayFailure, Scope.Scope> {
        const onBytes = () => {
          watch.heard()
          options.onBytes?.()
        }
        const crossing = cross(open, options, params)
        if (crossing.local !== undefined) {
          return { status: 200, headers: {}, body: { _tag: "Whole", text: crossing.local } }
        }
        const sent = { ...inSession(open, token), onBytes }
        const answer = yield* transport.send({
          ...sent,
          method: "POST",
          body: crossing.text,
          headers: crossing.headers
        })
        const { headers, body } = answer
        const whole = (headers: Readonly<Record<string, string>>, text: string): FinalAnswer => {
          const { status, text: crossed } = crossing.answer(answer.status, text)
          return { status, headers, body: { _tag: "Whole", text: crossed } }
        }
        const chunked = (chunks: Pull<Uint8Array>): FinalAnswer => ({
          status: answer.status,
          headers,
          body: { _tag: "Chunks", chunks: watch.guard(chunks) }
        })
        switch (body._tag) {
          case "Empty":
            return yield* notOurs(answer)
          case "Json": {
            // What comes in pieces is passed on unread; what is all there already is looked at.
            const first = yield* body.chunks
            const chunks = after(Option.toArray(first), Option.isSome(first) ? body.chunks : Effect.succeedNone)
            const unread = options.streamJson === true && crossing.same && answer.status < 300
            if (unread && body.arrived?.() !== true) return chunked(chunks)
            const collected = yield* collect(chunks, wholeBytes)
            if (collected._tag === "Longer") return crossing.same ? chunked(collected.chunks) : yield* notOurs(answer)
            return whole(headers, yield* jsonAnswer(answer, collected.text, crossing.id))
          }
          case "Sse": {
            yield* options.onStream ?? Effect.void
            const text = yield* follow({
              events: body.events,
              id: crossing.id,
              onPoll: options.onPoll,
              onEvent: (event) => {
                if (!isMessage(event) || options.onEvent === undefined) return Effect.void
                const data = crossing.same ? event.data : crossing.event(event.data)
                return data === undefined ? Effect.void : options.onEvent({ ...event, data }, open)
              },
              resume: (lastEventId) => transport.send({ ...sent, method: "GET", lastEventId })
            })
            return whole({ ...headers, "content-type": "application/json" }, text)
          }
        }
      })

      /** The token may have been replaced since the caller looked. */
      const meantFor = Effect.fnUntraced(function*(
        agent: AgentName,
        principal: PrincipalId | undefined,
        token: Option.Option<Token>
      ) {
        if (principal === undefined) return
        const present = Option.isSome(token) ? token.value.principal : yield* liveToken.principal(agent)
        if (present !== principal) return yield* new RelayFailure({ reason: new OtherPrincipal() })
      })

      const request: RelayClient["Service"]["request"] = Effect.fnUntraced(function*(session, options) {
        const watch = watchFor(options.within)
        const scope = yield* Scope.fork(yield* Effect.scope)
        const attempt = (open: OpenRelaySession, token: Option.Option<Token>) =>
          Effect.andThen(meantFor(session.agent, options.principal, token), ask(options, watch, open, token))
        return yield* recovering(liveToken, session, attempt).pipe(
          Scope.provide(scope),
          watch.guard,
          Effect.tapError(report),
          Effect.tap(answered(session.agent)),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && exit.value.body._tag === "Chunks" ? Effect.void : Scope.close(scope, exit)
          )
        )
      })

      const notify: RelayClient["Service"]["notify"] = Effect.fnUntraced(function*(session, text) {
        const watch = watchFor(Duration.toMillis(settings.listTimeout))
        yield* recovering(
          liveToken,
          session,
          (open, token) =>
            open.modern === undefined
              ? Handshake.tell(transport, Option.map(token, (token) => token.value), open, text)
              : Effect.void
        ).pipe(
          watch.guard,
          Effect.tapError(report),
          Effect.tap(answered(session.agent))
        )
      })

      const stream: RelayClient["Service"]["stream"] = Effect.fnUntraced(function*(session, lastEventId) {
        const watch = new SilenceWatch({ clock, probe: link.probe, silence: settings.streamSilence, failures: 1 })
        const scope = yield* Scope.fork(yield* Effect.scope)
        const watched = <A>(wait: Effect.Effect<A, RelayFailure>) => Effect.tapError(watch.guard(wait), report)
        let first: number | undefined
        return yield* recovering(liveToken, session, (open, token) => {
          first ??= open.generation
          // Event ids mean nothing in another session.
          const resumeFrom = open.generation === first ? lastEventId : undefined
          const attempt = { ...inSession(open, token), lastEventId: resumeFrom, onBytes: watch.heard }
          const opened = open.modern === undefined
            ? relayStream(transport, attempt)
            : listened(transport, attempt, open.modern)
          return Effect.map(opened, ({ events, ...answer }) => ({
            session: open,
            answer: { ...answer, body: { _tag: "Sse" as const, events: watched(events) } }
          }))
        }).pipe(
          Scope.provide(scope),
          watched,
          Effect.tap(answered(session.agent)),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
      })

      return RelayClient.of({
        request,
        notify,
        stream,
        listed: (result) => Effect.sync(() => params.learn(`{"result":${result}}`))
      })
    })
  )
}

const inSession = (open: OpenRelaySession, token: Option.Option<Token>) => ({
  token: Option.map(token, (token) => token.value),
  session: Option.getOrUndefined(open.id),
  protocolVersion: open.protocolVersion
})

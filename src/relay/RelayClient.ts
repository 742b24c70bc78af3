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
import { LiveToken, type Token } from "../token/LiveToken.ts"
import { asking, type FinalAnswer, inSession, type RequestOptions } from "./Asking.ts"
import { RelayLink } from "./link/RelayLink.ts"
import { reporting } from "./link/Reporting.ts"
import { OtherPrincipal, RelayFailure } from "./RelayFailure.ts"
import { listened } from "./RelayListen.ts"
import { relayStream } from "./RelayStream.ts"
import * as Handshake from "./session/Handshake.ts"
import { ParamHeaders } from "./session/ParamHeaders.ts"
import { recovering } from "./session/Recovery.ts"
import type { OpenRelaySession, RelaySession } from "./session/RelaySession.ts"
import { SilenceWatch } from "./SilenceWatch.ts"
import { type RelayAnswer, RelayTransport } from "./transport/RelayTransport.ts"

export type { FinalAnswer, RequestOptions } from "./Asking.ts"

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

      const ask = asking(transport, params)

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

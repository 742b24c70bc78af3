/**
 * One request to the relay, with all that keeps it alive: session, token, the watch over silence.
 *
 * Repeats only what the relay did not act on, once each: a lost session is reopened, a 401 asks for one shared refresh
 * of the token and then for a new session (BEHAVIOUR 3, 7). Down-class failures are reported to the link. A silent
 * call is watched: after 10 s without bytes the link probes beside it, and two failures end it.
 */
import { Cause, Clock, Context, Duration, Effect, Exit, FiberSet, Layer, Option, type Scope } from "effect"
import { Settings } from "../config/Settings.ts"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"
import * as JsonText from "../domain/JsonText.ts"
import * as Message from "../domain/Message.ts"
import { factsOf } from "../domain/Methods.ts"
import { Deadlines } from "../supervision/Deadlines.ts"
import { type AskedFor, LiveToken, type Token } from "../token/LiveToken.ts"
import { exchange, type FinalAnswer, inSession, type RequestOptions } from "./Exchange.ts"
import * as Handshake from "./handshake/Handshake.ts"
import { RelayEra } from "./link/RelayEra.ts"
import { RelayLink } from "./link/RelayLink.ts"
import { RelayProbe } from "./link/RelayProbe.ts"
import { reporting } from "./link/Reporting.ts"
import { OtherPrincipal, RelayFailure } from "./RelayFailure.ts"
import { listened, relayStream } from "./RelayStream.ts"
import { followStream } from "./ResumableStream.ts"
import type { ResumePoint } from "./ResumePoint.ts"
import { ParamHeaders } from "./session/ParamHeaders.ts"
import { recovering } from "./session/Recovery.ts"
import { type OpenRelaySession, type RelaySession, RelaySessions } from "./session/RelaySession.ts"
import { SilenceWatch, type SilenceWatchOptions } from "./SilenceWatch.ts"
import { cutOff, notOurs } from "./transport/AnswerReading.ts"
import { carrying, type RelayAnswer } from "./transport/RelayAnswer.ts"
import { RelayTransport } from "./transport/RelayTransport.ts"
import * as TracedTransport from "./transport/TracedTransport.ts"

export type { FinalAnswer, RelayEvent, RequestOptions } from "./Exchange.ts"

/** For who is there for what comes before the response. */
export interface ResumeOptions {
  /** Called once the relay's own stream of that session is open, where it has one: what it says from now on is heard. */
  readonly onOpen: () => void
  /** Called with each message on either stream. */
  readonly onMessage: (message: Message.Message) => void
  /** Called with each new place from which the stream can be read on. */
  readonly onResumable: (point: ResumePoint) => void
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
  /**
   * The response to a request whose stream broke, read on from that place: in legacy form, under the request's id at the
   * relay. Its failure says whether asking again may help: `downClass`.
   */
  readonly resume: (
    agent: AgentName,
    point: ResumePoint,
    options?: ResumeOptions
  ) => Effect.Effect<string, RelayFailure>
  /** An answer to a question that came on the stream of that place. */
  readonly respond: (agent: AgentName, point: ResumePoint, text: string) => Effect.Effect<void, RelayFailure>
  /** The text of a tools/list result from before this life: which parameters its tools want mirrored in headers. */
  readonly listed: (result: string) => Effect.Effect<void>
}>()("holdfast/relay/RelayClient") {
  static readonly layer = Layer.effect(
    RelayClient,
    Effect.gen(function*() {
      const transport = yield* RelayTransport
      const liveToken = yield* LiveToken
      const link = yield* RelayLink
      const deadlines = yield* Deadlines
      const settings = (yield* Settings).link
      const clock = yield* Clock.Clock
      const report = yield* reporting(link)
      const reportCause = (cause: Cause.Cause<RelayFailure>) =>
        Option.match(Cause.findErrorOption(cause), { onNone: () => Effect.void, onSome: report })
      const runProbe = yield* FiberSet.runtime(yield* FiberSet.make())()
      const params = new ParamHeaders()
      const ask = exchange(transport, params)

      const probe = (done: (alive: boolean) => void) => void runProbe(Effect.map(link.probe, done))

      type Bounds = Pick<SilenceWatchOptions, "silence" | "maxFailures" | "timeout" | "onHeard">
      const watchFor = (bounds: Bounds) => new SilenceWatch({ clock, deadlines, probe, ...bounds })
      const closing = (watch: SilenceWatch) => Effect.addFinalizer(() => Effect.sync(() => watch.close()))
      /** Watches until the scope closes. */
      const watchOver = (bounds: Bounds) =>
        Effect.acquireRelease(Effect.sync(() => watchFor(bounds)), (watch) => Effect.sync(() => watch.close()))

      /** The token may have been replaced since the caller looked. */
      const meantFor = Effect.fnUntraced(function*(
        agent: AgentName,
        principal: PrincipalId,
        token: Option.Option<Token>
      ) {
        const present = Option.isSome(token) ? token.value.principal : yield* liveToken.principal(agent)
        if (present !== principal) return yield* new RelayFailure({ reason: new OtherPrincipal() })
      })

      const request: RelayClient["Service"]["request"] = (session, options) =>
        Effect.suspend(() => {
          const { onBytes, principal, timeout } = options
          const watch = watchFor({ silence: settings.silence, maxFailures: 2, timeout, onHeard: onBytes })
          const attempt = principal === undefined
            ? (open: OpenRelaySession, token: Option.Option<Token>) => ask(options, watch, open, token)
            : (open: OpenRelaySession, token: Option.Option<Token>) =>
              Effect.andThen(meantFor(session.agent, principal, token), ask(options, watch, open, token))
          return Effect.onExit(
            recovering({ liveToken, session, attempt, askedFor: () => askedFor(options.text), bound: watch.guard }),
            (exit) => {
              // What follows in chunks is watched to the end of the request's scope.
              if (Exit.isSuccess(exit) && exit.value.body._tag === "Chunks") {
                return Effect.andThen(closing(watch), link.answered)
              }
              watch.close()
              return Exit.isSuccess(exit) ? link.answered : reportCause(exit.cause)
            }
          )
        })

      const notify: RelayClient["Service"]["notify"] = Effect.fnUntraced(function*(session, text) {
        const watch = yield* watchOver({
          silence: settings.silence,
          maxFailures: 2,
          timeout: Duration.toMillis(settings.listTimeout)
        })
        const attempt = (open: OpenRelaySession, token: Option.Option<Token>) =>
          open.modern === undefined
            ? Handshake.notify(transport, token, open, text)
            : Effect.void
        yield* watch.guard(recovering({ liveToken, session, attempt, askedFor: () => "session" })).pipe(
          Effect.tapError(report),
          Effect.tap(link.answered)
        )
      }, Effect.scoped)

      const stream: RelayClient["Service"]["stream"] = Effect.fnUntraced(function*(session, lastEventId) {
        const watch = yield* watchOver({ silence: settings.streamSilence, maxFailures: 1 })
        let first: number | undefined
        const attempt = Effect.fnUntraced(function*(open: OpenRelaySession, token: Option.Option<Token>) {
          first ??= open.generation
          // Event ids mean nothing in another session.
          const resumeFrom = open.generation === first ? lastEventId : undefined
          const opening = { ...inSession(open, token), lastEventId: resumeFrom, watch }
          const { events, ...answer } = yield* open.modern === undefined
            ? relayStream(transport, opening)
            : listened(transport, opening, open.modern)
          const reported: typeof events = { until: (onEvent) => Effect.tapError(events.until(onEvent), report) }
          const body = { _tag: "Sse", events: reported } as const
          return { session: open, answer: { ...answer, body } }
        })
        return yield* recovering({ liveToken, session, attempt, askedFor: () => "session" }).pipe(
          Effect.tapError(report),
          Effect.tap(link.answered)
        )
      })

      const resume: RelayClient["Service"]["resume"] = Effect.fnUntraced(function*(agent, point, options) {
        const watch = yield* watchOver({ silence: settings.streamSilence, maxFailures: 1 })
        const { eventId, id, protocolVersion, session } = point
        const token = yield* liveToken.current(agent)
        const attempt = { ...carrying(token), agent, session, protocolVersion, watch, method: "GET" } as const
        const read = (lastEventId: string) => transport.send({ ...attempt, lastEventId })
        const heard = ({ message }: { readonly message: Message.Message | undefined }) => {
          if (message !== undefined) options?.onMessage(message)
          return undefined
        }
        if (options !== undefined) {
          const own = yield* Effect.result(relayStream(transport, { ...attempt, lastEventId: undefined }))
          if (own._tag === "Success") {
            yield* Effect.forkScoped(Effect.ignore(own.success.events.until(({ data }) => heard(messageIn(data)))))
          }
          options.onOpen()
        }
        const answer = yield* read(eventId)
        if (answer.body._tag !== "Sse") return yield* notOurs(answer)
        const { events } = answer.body
        const response = yield* followStream({
          events,
          id,
          onEvent: heard,
          onEventId: options && ((eventId) => options.onResumable({ ...point, eventId })),
          resume: read
        })
        return response._tag === "Response" ? response.text : yield* cutOff()
      }, Effect.scoped)

      const respond: RelayClient["Service"]["respond"] = Effect.fnUntraced(function*(agent, point, text) {
        const token = yield* liveToken.current(agent)
        const { protocolVersion, session } = point
        yield* Handshake.notify(transport, token, { agent, id: Option.fromUndefinedOr(session), protocolVersion }, text)
      })

      return RelayClient.of({
        request,
        resume,
        respond,
        notify,
        stream,
        listed: (result) => Effect.sync(() => params.learn(result))
      })
    })
  )

  /** The relay's side whole, over what does one attempt: the link, its probe, sessions, the client. */
  static readonly layerOver = <E, R>(transport: Layer.Layer<RelayTransport, E, R>) =>
    RelayClient.layer.pipe(
      Layer.provideMerge(RelaySessions.layer),
      Layer.provideMerge(RelayLink.layer),
      Layer.provideMerge(RelayProbe.layer),
      Layer.provideMerge(RelayEra.layer),
      Layer.provideMerge(TracedTransport.over(transport))
    )
}

const messageIn = (data: string): { readonly message: Message.Message | undefined } => {
  const parsed = Message.parse(data)
  return { message: parsed._tag === "Success" && parsed.success._tag !== "Batch" ? parsed.success : undefined }
}

const askedFor = (text: string): AskedFor => {
  const method = String(JSON.parse(JsonText.at(text, ["method"]) ?? "null"))
  if (method === "tools/call") return "call"
  return factsOf(method).emptyResult ? "session" : "answer"
}

/**
 * A relay session that outlives its relay: the saved `initialize` is replayed whenever the relay forgot it.
 *
 * One of these stands behind each agent session, one per agent behind the outbox. Opening is single-flight.
 */
import { Context, Duration, Effect, FiberSet, Layer, Option, type Scope, Semaphore } from "effect"
import { Settings } from "../config/Settings.ts"
import type { AgentName } from "../domain/Ids.ts"
import { LiveToken } from "../token/LiveToken.ts"
import * as Handshake from "./Handshake.ts"
import { RelayFailure, Silent } from "./RelayFailure.ts"
import { RelayLink } from "./RelayLink.ts"
import { RelayTransport } from "./RelayTransport.ts"
import { reporting } from "./Reporting.ts"
import { singleFlight } from "./SingleFlight.ts"

/** What has to be said again to a relay that has forgotten us; all JSON-RPC text. */
export interface SessionSeed {
  readonly initialize: string
  /** Sent after `notifications/initialized`: the latest roots notice, log level, resource subscriptions. */
  readonly replay: ReadonlyArray<string>
}

export interface OpenRelaySession {
  /** `None` where the relay is stateless. */
  readonly id: Option.Option<string>
  readonly protocolVersion: string
  /** The text of the relay's InitializeResult. */
  readonly result: string
  /** Counts up with each new relay session. */
  readonly generation: number
}

export interface RelaySession {
  readonly agent: AgentName
  /** The one that is open, else a new one: 10 s at most. */
  readonly open: Effect.Effect<OpenRelaySession, RelayFailure>
  /** The one that is open now, if any; never opens. */
  readonly current: Effect.Effect<Option.Option<OpenRelaySession>>
  /** Forget this one, if it is still the current one: the next `open` makes another. */
  readonly lost: (session: OpenRelaySession) => Effect.Effect<void>
}

export class RelaySessions extends Context.Service<RelaySessions, {
  /**
   * `seed` is asked each time a session is opened. The scope's end sends DELETE to the relay, best effort, and does not
   * wait for it. At most 16 sessions are opened at a time.
   */
  readonly make: (options: {
    readonly agent: AgentName
    readonly seed: Effect.Effect<SessionSeed>
  }) => Effect.Effect<RelaySession, never, Scope.Scope>
}>()("holdfast/relay/RelaySessions") {
  static readonly layer = Layer.effect(
    RelaySessions,
    Effect.gen(function*() {
      const transport = yield* RelayTransport
      const liveToken = yield* LiveToken
      const { link: { listTimeout: bound } } = yield* Settings
      const link = yield* RelayLink
      const report = yield* reporting(link)
      const opening = yield* Semaphore.make(openingAtATime)
      const ending = yield* FiberSet.make()
      yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(ending), "1 second"))

      const bearer = (agent: AgentName) => Effect.map(liveToken.current(agent), Option.map((token) => token.value))

      const initialize = Effect.fnUntraced(function*(agent: AgentName, options: { text: string; id: string }) {
        const used = yield* liveToken.current(agent)
        const attempt = (token: typeof used) =>
          Handshake.initialize(transport, Option.map(token, (token) => token.value), options)
        return yield* Effect.catchReason(
          attempt(used),
          "RelayFailure",
          "Unauthorized",
          (_, failure) =>
            Effect.flatMap(
              liveToken.rejected(agent, used),
              (next) => Option.isSome(next) ? attempt(next) : Effect.fail(failure)
            )
        )
      })

      const open = Effect.fn("RelaySessions.open")(function*(agent: AgentName, seed: SessionSeed, generation: number) {
        const handshaken = yield* initialize(agent, { text: seed.initialize, id: `"holdfast-${generation}"` })
        yield* liveToken.accepted(agent)
        const token = yield* bearer(agent)
        yield* Handshake.initialized(transport, token, handshaken)
        for (const text of seed.replay) yield* Handshake.tell(transport, token, handshaken, text)
        return { ...handshaken, generation }
      })

      return RelaySessions.of({
        make: Effect.fnUntraced(function*({ agent, seed }) {
          let session: OpenRelaySession | undefined
          let generation = 0

          const reopen = yield* Effect.flatMap(seed, (seed) => open(agent, seed, ++generation)).pipe(
            Semaphore.withPermit(opening),
            Effect.timeoutOrElse({
              duration: bound,
              orElse: () => Effect.fail(new RelayFailure({ reason: new Silent({ millis: Duration.toMillis(bound) }) }))
            }),
            Effect.tap((opened) => {
              session = opened
              return link.answered
            }),
            Effect.tapError(report),
            Effect.mapError(({ reason }) => new RelayFailure({ reason, opening: true })),
            singleFlight
          )

          yield* Effect.addFinalizer(() =>
            session === undefined || Option.isNone(session.id) ? Effect.void : Effect.flatMap(
              bearer(agent),
              (token) => FiberSet.run(ending, session ? Handshake.end(transport, token, session) : Effect.void)
            )
          )

          return {
            agent,
            open: Effect.suspend(() => session === undefined ? reopen : Effect.succeed(session)),
            current: Effect.sync(() => Option.fromUndefinedOr(session)),
            lost: (lost) =>
              Effect.sync(() => {
                if (session?.generation === lost.generation) session = undefined
              })
          }
        })
      })
    })
  )
}

const openingAtATime = 16

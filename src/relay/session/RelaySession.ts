/**
 * A relay session that outlives its relay: the saved `initialize` is replayed whenever the relay forgot it.
 *
 * One of these stands behind each agent session, one per agent behind the outbox. Opening is single-flight.
 */
import { Context, Duration, Effect, FiberSet, Layer, Option, Scope, Semaphore } from "effect"
import { Settings } from "../../config/Settings.ts"
import type { AgentName } from "../../domain/Ids.ts"
import type { Era } from "../../domain/ProtocolVersion.ts"
import { singleFlight } from "../../supervision/SingleFlight.ts"
import { LiveToken, type Token } from "../../token/LiveToken.ts"
import * as Handshake from "../handshake/Handshake.ts"
import type { OpenRelaySession, RelaySession, SessionSeed } from "../handshake/OpenRelaySession.ts"
import { RelayEra } from "../link/RelayEra.ts"
import { RelayLink } from "../link/RelayLink.ts"
import { reporting } from "../link/Reporting.ts"
import { RelayFailure, Silent } from "../RelayFailure.ts"
import { RelayTransport } from "../transport/RelayTransport.ts"
import { opener } from "./Opening.ts"

export type { OpenRelaySession, RelaySession, SessionSeed } from "../handshake/OpenRelaySession.ts"

export class RelaySessions extends Context.Service<RelaySessions, {
  /**
   * `seed` is asked each time a session is opened. The scope's end sends DELETE to the relay, best effort, and does not
   * wait for it. At most 16 sessions are opened at a time.
   */
  readonly make: (options: {
    readonly agent: AgentName
    readonly seed: Effect.Effect<SessionSeed>
    /** The era to speak where the relay serves both; `legacy`, without. */
    readonly era?: Era | undefined
    /** The relay forgot the session, or has another one in its place. Called at once; nothing waits for it. */
    readonly onChange?: ((what: "lost" | "reopened") => void) | undefined
  }) => Effect.Effect<RelaySession, never, Scope.Scope>
}>()("holdfast/relay/RelaySessions") {
  static readonly layer = Layer.effect(
    RelaySessions,
    Effect.gen(function*() {
      const transport = yield* RelayTransport
      const relayEra = yield* RelayEra
      const begin = yield* opener
      const liveToken = yield* LiveToken
      const { link: { listTimeout: bound } } = yield* Settings
      const link = yield* RelayLink
      const report = yield* reporting(link)
      const opening = yield* Semaphore.make(openingAtATime)
      const ending = yield* FiberSet.make()
      yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(ending), "1 second"))

      const begun = Effect.fnUntraced(function*(
        agent: AgentName,
        options: { readonly seed: SessionSeed; readonly era: Era; readonly id: string }
      ) {
        const attempt = (token: Option.Option<Token>) =>
          begin({ ...options, agent, credential: token }).pipe(
            Effect.tap(liveToken.accepted(agent, token, () => "session"))
          )
        const refused = (token: Option.Option<Token>) =>
          Effect.tapError(
            attempt(token),
            ({ reason }) => reason._tag === "Unauthorized" ? liveToken.refused(agent, token, "session") : Effect.void
          )
        const used = yield* liveToken.current(agent)
        return yield* Effect.catchReason(
          attempt(used),
          "RelayFailure",
          "Unauthorized",
          Effect.fnUntraced(function*(_, failure) {
            const next = yield* liveToken.rejected(agent, used, "session")
            if (Option.isSome(next)) return yield* refused(next)
            yield* liveToken.refused(agent, used, "session")
            return yield* failure
          })
        )
      })

      const open = Effect.fn("RelaySessions.open")(function*(
        agent: AgentName,
        seed: SessionSeed,
        era: Era,
        generation: number
      ): Effect.fn.Return<OpenRelaySession, RelayFailure> {
        const handshaken = yield* begun(agent, { seed, era, id: `"holdfast-${generation}"` })
        if (handshaken.modern !== undefined) return { ...handshaken, generation }
        const token = yield* liveToken.current(agent)
        yield* Handshake.initialized(transport, token, handshaken)
        for (const text of seed.replay) yield* Handshake.notify(transport, token, handshaken, text)
        return { ...handshaken, generation }
      })

      return RelaySessions.of({
        make: Effect.fnUntraced(function*({ agent, era = "legacy", onChange, seed }) {
          let session: OpenRelaySession | undefined
          let generation = 0
          let isLeftOpen = false

          // Put together when it is needed, so that a session that is open does not hold it.
          const openAnother = () =>
            Effect.flatMap(seed, (seed) => open(agent, seed, era, ++generation)).pipe(
              Semaphore.withPermit(opening),
              Effect.timeoutOrElse({
                duration: bound,
                orElse: () =>
                  Effect.fail(new RelayFailure({ reason: new Silent({ millis: Duration.toMillis(bound) }) }))
              }),
              Effect.tap((opened) => {
                session = opened
                if (opened.generation > 1) onChange?.("reopened")
                return link.answered
              }),
              Effect.tapError(report),
              Effect.mapError(({ reason }) => new RelayFailure({ reason, opening: true }))
            )
          const reopen = yield* singleFlight(Effect.suspend(openAnother))

          const end = Effect.suspend(() =>
            isLeftOpen || session === undefined || Option.isNone(session.id) ? Effect.void : Effect.flatMap(
              liveToken.current(agent),
              (token) => FiberSet.run(ending, session ? Handshake.end(transport, token, session) : Effect.void)
            )
          )
          // Not by `Effect.addFinalizer`, which would hold a copy of the whole context for each session.
          yield* Scope.addFinalizer(yield* Effect.scope, end)

          const openNow = () =>
            session?.modern === undefined || session.modern.outages === relayEra.outages() ? session : undefined

          return {
            agent,
            openNow,
            open: Effect.suspend(() => {
              const present = openNow()
              return present === undefined ? reopen : Effect.succeed(present)
            }),
            current: Effect.sync(() => Option.fromUndefinedOr(session)),
            lost: (lost) =>
              Effect.sync(() => {
                if (session?.generation !== lost.generation) return
                session = undefined
                onChange?.("lost")
              }),
            leaveOpen: (leave) => {
              isLeftOpen = leave
            }
          }
        })
      })
    })
  )
}

const openingAtATime = 16

/** What the seed says has changed: a session that only we know of, since the relay has none, is made anew. */
export const reseeded = (session: RelaySession): Effect.Effect<void> =>
  Effect.flatMap(
    session.current,
    (open) => Option.isSome(open) && open.value.modern !== undefined ? session.lost(open.value) : Effect.void
  )

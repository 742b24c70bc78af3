/** A relay, its link and its token in a test's hands: what it answers, when it is away, whose token is in force. */
import { Clock, Context, Effect, Layer, Option, PubSub, Ref, Stream, SubscriptionRef } from "effect"
import { AgentName, PrincipalId } from "../../../src/domain/Ids.ts"
import type { WireAnswer } from "../../../src/outbox/Outbox.ts"
import { LinkState, RelayLink } from "../../../src/relay/link/RelayLink.ts"
import { RelayClient } from "../../../src/relay/RelayClient.ts"
import { ConnectFailed, RelayFailure } from "../../../src/relay/RelayFailure.ts"
import { RelaySessions } from "../../../src/relay/session/RelaySession.ts"
import { LiveToken } from "../../../src/token/LiveToken.ts"
import { countedTurns } from "./advance.ts"

export interface Sent {
  readonly text: string
  readonly key: string
  readonly at: number
}

export type Behaviour = (text: string) => Effect.Effect<WireAnswer, RelayFailure>

const idOf = (text: string): string => JSON.stringify(JSON.parse(text).id)

export const ok = (text: string, result = "{\"content\":[]}"): WireAnswer => ({
  status: 200,
  text: `{"jsonrpc":"2.0","id":${idOf(text)},"result":${result}}`
})
export const answers: Behaviour = (text) => Effect.succeed(ok(text))
export const errs = (code: number, message: string, status = 200): Behaviour => (text) =>
  Effect.succeed({
    status,
    text: `{"jsonrpc":"2.0","id":${idOf(text)},"error":${JSON.stringify({ code, message })}}`
  })
export const refuses = (words: string): Behaviour => (text) =>
  Effect.succeed(ok(text, JSON.stringify({ isError: true, content: [{ type: "text", text: words }] })))
export const fails = (reason: RelayFailure["reason"]): Behaviour => () => Effect.fail(new RelayFailure({ reason }))
export const unreachable = fails(new ConnectFailed({ detail: "refused" }))

export class FakeRelay extends Context.Service<FakeRelay, {
  /** Each attempt, live or from the outbox, in order. */
  readonly sent: Effect.Effect<ReadonlyArray<Sent>>
  readonly behave: (behaviour: Behaviour) => Effect.Effect<void>
  /** What `live` is, seen from the relay. */
  readonly receive: Behaviour
  readonly up: Effect.Effect<void>
  readonly down: Effect.Effect<void>
  readonly principal: (principal: string) => Effect.Effect<void>
  readonly rotate: Effect.Effect<void>
  /** How often somebody asked how the link is. */
  readonly looks: Effect.Effect<number>
}>()("test/outbox/FakeRelay") {
  static readonly layer = Layer.effectContext(Effect.gen(function*() {
    const sent = yield* Ref.make<ReadonlyArray<Sent>>([])
    const behaviour = yield* Ref.make<Behaviour>(answers)
    const link = yield* SubscriptionRef.make<LinkState>(LinkState.Up({ since: -3_600_000 }))
    const principal = yield* Ref.make(PrincipalId.make("alice"))
    const changes = yield* PubSub.unbounded<{ readonly agent: AgentName; readonly principalChanged: boolean }>()
    const looks = yield* Ref.make(0)
    const now = Effect.map(Clock.currentTimeMillis, Math.floor)

    const receive: Behaviour = Effect.fnUntraced(function*(text) {
      const at = yield* now
      const key: string = JSON.parse(text).params._meta["holdfast/idempotencyKey"]
      yield* Ref.update(sent, (all) => [...all, { text, key, at }])
      return yield* (yield* Ref.get(behaviour))(text)
    })
    const rotated = (principalChanged: boolean) =>
      PubSub.publish(changes, { agent: AgentName.make("default"), principalChanged })

    return Context.make(
      FakeRelay,
      FakeRelay.of({
        sent: Ref.get(sent),
        behave: (next) => Ref.set(behaviour, next),
        receive,
        up: Effect.flatMap(now, (since) => SubscriptionRef.set(link, LinkState.Up({ since }))),
        down: Effect.flatMap(
          now,
          (since) =>
            SubscriptionRef.set(link, LinkState.Down({ since, attempts: 1, nextProbeAt: since, why: "refused" }))
        ),
        principal: (name) => Effect.andThen(Ref.set(principal, PrincipalId.make(name)), rotated(true)),
        rotate: Effect.asVoid(rotated(false)),
        looks: Ref.get(looks)
      })
    ).pipe(
      Context.add(
        RelayClient,
        RelayClient.of({
          request: (_session, options) =>
            Effect.map(receive(options.text), ({ status, text }) => ({
              status,
              headers: {},
              body: { _tag: "Whole" as const, text }
            })),
          notify: () => Effect.die("not used"),
          stream: () => Effect.die("not used"),
          respond: () => Effect.die("not used"),
          resume: () => Effect.die("not used"),
          listed: () => Effect.void
        })
      ),
      Context.add(
        RelayLink,
        RelayLink.of({
          state: Effect.andThen(Ref.update(looks, (times) => times + 1), SubscriptionRef.get(link)),
          changes: SubscriptionRef.changes(link),
          awaitUp: Effect.die("not used"),
          report: () =>
            Effect.map(
              SubscriptionRef.get(link),
              (state) => state._tag === "Down" ? "link down" : "the call's own"
            ),
          answered: Effect.void,
          probe: Effect.die("not used")
        })
      ),
      Context.add(
        RelaySessions,
        RelaySessions.of({
          make: ({ agent }) =>
            Effect.succeed({
              agent,
              openNow: () => undefined,
              open: Effect.die("not used"),
              current: Effect.succeed(Option.none()),
              lost: () => Effect.void,
              leaveOpen: () => {}
            })
        })
      ),
      Context.add(
        LiveToken,
        LiveToken.of({
          current: () => Effect.succeed(Option.none()),
          principal: () => Ref.get(principal),
          rejected: () => Effect.succeed(Option.none()),
          refused: () => Effect.void,
          accepted: () => Effect.void,
          refresh: () => Effect.die("not used"),
          status: () => Effect.die("not used"),
          forget: () => Effect.void,
          changes: Stream.fromPubSub(changes)
        })
      )
    )
  })).pipe(Layer.provideMerge(countedTurns))
}

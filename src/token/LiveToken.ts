/**
 * The relay credential in force now, rotated by a fiber that lives as long as the layer (BEHAVIOUR 7).
 *
 * Never two refreshes of one token in flight. The token never leaves this service except in a `Redacted`.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Context, Effect, Exit, Layer, Option, PubSub, Scope, Semaphore, Stream } from "effect"
import { RelayTarget } from "../config/Settings.ts"
import type { AgentName, PrincipalId } from "../domain/Ids.ts"
import * as HostServices from "../storage/HostServices.ts"
import { Supervisor } from "../supervision/Supervisor.ts"
import * as RelayToken from "./RelayToken.ts"
import { choose, type ChosenSource, type TokenOwner } from "./sources/ChosenSource.ts"
import type { AskedFor, Token, TokenStatus } from "./Token.ts"

export type { AskedFor, Token, TokenError, TokenStatus } from "./Token.ts"

export class LiveToken extends Context.Service<LiveToken, {
  /** The token in force; `None` where there is none: requests then go without. */
  readonly current: (agent: AgentName) => Effect.Effect<Option.Option<Token>>
  /** The principal in force, also where there is no token. */
  readonly principal: (agent: AgentName) => Effect.Effect<PrincipalId>
  /**
   * The relay answered 401 to `used`. One refresh, shared by all callers; answers at once where a newer token is
   * already in force. `None`: there is no other token to try. Once `refused`, or after 5 tokens in a row, the source is
   * left alone for 5 minutes.
   */
  readonly rejected: (
    agent: AgentName,
    used: Option.Option<Token>,
    askedFor: AskedFor
  ) => Effect.Effect<Option.Option<Token>>
  /** Neither another token nor a new session helped: the relay refuses `used`, and the status says so. */
  readonly refused: (agent: AgentName, used: Option.Option<Token>, askedFor: AskedFor) => Effect.Effect<void>
  /**
   * The relay answered a request with `used`. Where it was asked for at least as much as it refused before, the count of
   * refusals starts afresh.
   */
  readonly accepted: (
    agent: AgentName,
    used: Option.Option<Token>,
    askedFor: () => AskedFor
  ) => Effect.Effect<void>
  /** Ask the source now. */
  readonly refresh: (agent: AgentName) => Effect.Effect<TokenStatus>
  readonly status: (agent: AgentName) => Effect.Effect<TokenStatus>
  /** Nothing of the agent is left: a token of its own is no longer rotated. */
  readonly forget: (agent: AgentName) => Effect.Effect<void>
  /** Each change of the token or its principal, after it took effect. */
  readonly changes: Stream.Stream<{ readonly agent: AgentName; readonly principalChanged: boolean }>
}>()("holdfast/token/LiveToken") {
  /** Over the source that the relay's settings choose. */
  static readonly layer = Layer.effect(
    LiveToken,
    Effect.gen(function*() {
      const { id, token, url } = yield* RelayTarget
      return yield* make(id, yield* choose(id, token, url))
    })
  ).pipe(Layer.provide([HostServices.layer, NodeHttpClient.layerUndici]))

  /** Over a source of the embedding program's own. */
  static readonly layerOf = (chosen: ChosenSource) =>
    Layer.effect(LiveToken, Effect.flatMap(RelayTarget, ({ id }) => make(id, chosen)))
}

const make = Effect.fnUntraced(function*(relay: string, chosen: ChosenSource) {
  if (chosen._tag === "None") {
    const { current, principal, refresh, status } = RelayToken.noToken
    return LiveToken.of({
      current: () => current,
      principal: () => principal,
      rejected: () => Effect.succeedNone,
      refused: () => Effect.void,
      accepted: () => Effect.void,
      refresh: () => refresh,
      status: () => status,
      forget: () => Effect.void,
      changes: Stream.never
    })
  }

  const scope = yield* Scope.Scope
  const supervisor = yield* Supervisor
  const creating = yield* Semaphore.make(1)
  const changes = yield* PubSub.unbounded<{ readonly agent: AgentName; readonly principalChanged: boolean }>()
  const tokens = new Map<TokenOwner, RelayToken.RelayToken>()
  const scopes = new Map<TokenOwner, Scope.Closeable>()
  /** Those who share one token, and are told when it changes. */
  const sharing = new Map<AgentName, TokenOwner>()
  const ownerOf = chosen._tag === "Shared" ? () => "*" as const : chosen.ownerOf
  const logins = chosen._tag === "Shared" ? undefined : chosen.logins

  const create = Effect.fnUntraced(function*(owner: TokenOwner) {
    const source = chosen._tag === "Shared" ? Option.some(chosen.source) : yield* chosen.source(owner)
    if (Option.isNone(source)) return RelayToken.noToken
    const own = yield* Scope.fork(scope)
    scopes.set(owner, own)
    return yield* RelayToken.make({
      source: source.value,
      relay,
      owner,
      onChange: (principalChanged) =>
        PubSub.publishAll(
          changes,
          [...sharing].filter(([, by]) => by === owner).map(([agent]) => ({ agent, principalChanged }))
        )
    }).pipe(Scope.provide(own), Effect.provideService(Supervisor, supervisor))
  })

  const tokenOf = (agent: AgentName): Effect.Effect<RelayToken.RelayToken> => {
    const owner = ownerOf(agent)
    sharing.set(agent, owner)
    const token = tokens.get(owner)
    if (token !== undefined) return Effect.succeed(token)
    return Effect.suspend(() => {
      const token = tokens.get(owner)
      if (token !== undefined) return Effect.succeed(token)
      return Effect.tap(create(owner), (created) => Effect.sync(() => tokens.set(owner, created)))
    }).pipe(Effect.uninterruptible, creating.withPermit)
  }

  if (logins !== undefined) {
    yield* logins.moved.pipe(
      Stream.runForEach((agent) => PubSub.publish(changes, { agent, principalChanged: true })),
      supervisor.supervise(`token-owners ${relay}`)
    )
  }

  return LiveToken.of({
    current: (agent) => Effect.flatMap(tokenOf(agent), ({ current }) => current),
    principal: (agent) => Effect.flatMap(tokenOf(agent), ({ principal }) => principal),
    rejected: (agent, used, askedFor) => Effect.flatMap(tokenOf(agent), ({ rejected }) => rejected(used, askedFor)),
    refused: (agent, used, askedFor) => Effect.flatMap(tokenOf(agent), ({ refused }) => refused(used, askedFor)),
    accepted: (agent, used, askedFor) => Effect.flatMap(tokenOf(agent), ({ accepted }) => accepted(used, askedFor)),
    refresh: (agent) => Effect.flatMap(tokenOf(agent), ({ refresh }) => refresh),
    status: (agent) => Effect.flatMap(tokenOf(agent), ({ status }) => status),
    forget: Effect.fnUntraced(function*(agent) {
      if (logins !== undefined) yield* logins.forget(agent)
      sharing.delete(agent)
      const own = scopes.get(agent)
      if (own === undefined) return
      tokens.delete(agent)
      scopes.delete(agent)
      yield* Scope.close(own, Exit.void)
    }),
    changes: Stream.fromPubSub(changes)
  })
})

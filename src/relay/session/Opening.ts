/**
 * How a relay session begins: `initialize`, or `server/discover` at a relay of the modern era.
 *
 * The era of whom the session stands for is tried first, the other one where the relay refuses that. Across eras the
 * client is said to be capable of what it can be asked there, too.
 */
import { Effect, type Option } from "effect"
import * as Envelope from "../../domain/Envelope.ts"
import type { AgentName } from "../../domain/Ids.ts"
import * as JsonText from "../../domain/JsonText.ts"
import type { Era } from "../../domain/ProtocolVersion.ts"
import * as Questions from "../../domain/Questions.ts"
import * as Discovery from "../handshake/Discovery.ts"
import * as Handshake from "../handshake/Handshake.ts"
import type { OpenRelaySession, SessionSeed } from "../handshake/OpenRelaySession.ts"
import { other, RelayEra } from "../link/RelayEra.ts"
import type { RelayFailure } from "../RelayFailure.ts"
import type { RelayCredential } from "../transport/RelayAnswer.ts"
import { RelayTransport } from "../transport/RelayTransport.ts"

export interface Opening {
  readonly agent: AgentName
  readonly credential: Option.Option<RelayCredential>
  readonly seed: SessionSeed
  /** The era of whom the session stands for. */
  readonly era: Era
  /** Of the request that opens it, JSON text. */
  readonly id: string
}

export type Opened = Omit<OpenRelaySession, "generation">

export const opener = Effect.gen(function*() {
  const transport = yield* RelayTransport
  const relayEra = yield* RelayEra

  const inEra = (era: Era, opening: Opening, outages: number): Effect.Effect<Opened, RelayFailure> => {
    const { agent, credential, id, seed } = opening
    const { initialize } = seed
    const declared = JsonText.at(initialize, ["params", "capabilities"]) ?? "{}"
    const crosses = era !== opening.era
    const capabilities = crosses ? Questions.capabilities(declared) : declared
    if (era === "legacy") {
      const text = crosses ? JsonText.set(initialize, ["params", "capabilities"], capabilities) : initialize
      return Handshake.initialize(transport, credential, { agent, text, id })
    }
    const level = replayed(seed, "logging/setLevel", "level").at(-1)
    const envelope: Envelope.Envelope = [
      ...Envelope.ofInitialize(initialize, capabilities),
      ...(level === undefined ? [] : [[Envelope.logLevel, level] as const])
    ]
    return Effect.map(Discovery.discover(transport, credential, { agent, id, envelope }), (discovered) => ({
      ...discovered,
      modern: { envelope, outages, resources: replayed(seed, "resources/subscribe", "uri"), tasks: seed.tasks ?? [] }
    }))
  }

  return Effect.fnUntraced(function*(opening: Opening) {
    const { outages, tried } = yield* relayEra.finding
    const first = tried(opening.era)
    const refuses = first === "modern" ? Discovery.isLegacy : Discovery.isModern
    return yield* inEra(first, opening, outages).pipe(
      Effect.tap(relayEra.spoken(first)),
      Effect.catchIf(refuses, (refused) =>
        inEra(other(first), opening, outages).pipe(
          Effect.tap(Effect.andThen(relayEra.refused(first), relayEra.spoken(other(first)))),
          Effect.mapError((failure) => failure.reason._tag === "SessionRefused" ? refused : failure)
        ))
    )
  })
})

/** The member of the replayed requests of one method, JSON text. */
const replayed = (seed: SessionSeed, method: string, member: string): ReadonlyArray<string> =>
  seed.replay.flatMap((text) =>
    JsonText.at(text, ["method"]) === JSON.stringify(method) ? JsonText.at(text, ["params", member]) ?? [] : []
  )

/** The relay's side as `Runner` wires it, against a scripted relay and with tokens that a test hands out. */
import { Effect, Layer, Option, Redacted, Stream } from "effect"
import type { SettingsSchema } from "../../../src/config/Settings.ts"
import { PrincipalId } from "../../../src/domain/Ids.ts"
import { RelayEra } from "../../../src/relay/link/RelayEra.ts"
import { RelayLink } from "../../../src/relay/link/RelayLink.ts"
import { RelayProbe } from "../../../src/relay/link/RelayProbe.ts"
import { RelayClient } from "../../../src/relay/RelayClient.ts"
import { RelaySessions } from "../../../src/relay/session/RelaySession.ts"
import { RelayTransport } from "../../../src/relay/transport/RelayTransport.ts"
import { Deadlines } from "../../../src/supervision/Deadlines.ts"
import { Supervisor } from "../../../src/supervision/Supervisor.ts"
import { LiveToken, type Token } from "../../../src/token/LiveToken.ts"
import { target } from "./ScriptedRelay.ts"

const principal = PrincipalId.make("somebody")

/** Tokens in the order in which they are issued; the last one is all there is. */
export class Tokens {
  rejections = 0
  accepted = 0
  readonly refused: Array<string> = []
  readonly #all: ReadonlyArray<string>
  #now = 0

  constructor(...all: ReadonlyArray<string>) {
    this.#all = all
  }

  get current(): Option.Option<Token> {
    return Option.map(
      Option.fromUndefinedOr(this.#all[this.#now]),
      (token) => ({ value: Redacted.make(token), principal, expiresAt: Option.none() })
    )
  }

  next(): Option.Option<Token> {
    this.rejections++
    if (this.#all[this.#now + 1] === undefined) return Option.none()
    this.#now++
    return this.current
  }
}

export const liveToken = (tokens: Tokens) =>
  Layer.mock(LiveToken, {
    current: () => Effect.sync(() => tokens.current),
    principal: () => Effect.succeed(principal),
    rejected: () => Effect.sync(() => tokens.next()),
    refused: (_, used, askedFor) =>
      Effect.sync(() =>
        void tokens.refused.push(
          `${Option.getOrElse(Option.map(used, ({ value }) => Redacted.value(value)), () => "none")} for ${askedFor}`
        )
      ),
    accepted: () =>
      Effect.sync(() => {
        tokens.accepted++
      }),
    changes: Stream.never
  })

/** Everything above the transport and the probe. */
export const aboveTransport = RelayClient.layer.pipe(
  Layer.provideMerge(RelaySessions.layer),
  Layer.provideMerge(RelayLink.layer),
  Layer.provideMerge(Layer.provideMerge(Deadlines.layer, Supervisor.layer))
)

export const relayLayers = (url: URL, settings: typeof SettingsSchema.Encoded = {}, tokens = new Tokens()) =>
  aboveTransport.pipe(
    Layer.provideMerge(RelayProbe.layer),
    Layer.provideMerge(RelayEra.layer),
    Layer.provideMerge(RelayTransport.layer),
    Layer.provideMerge(Layer.merge(target(url, settings), liveToken(tokens)))
  )

/**
 * A real MCP exchange: `server/discover`, or where the relay is of the legacy era, one control session of our own:
 * `initialize` once, then `ping`. So the relay's era is found, and found again after each outage.
 */
import { Context, Duration, Effect, Layer, Option } from "effect"
import { Settings } from "../../config/Settings.ts"
import * as Envelope from "../../domain/Envelope.ts"
import { defaultAgent } from "../../domain/Ids.ts"
import { initializeAs, ownClientInfo } from "../../domain/OwnInitialize.ts"
import { LiveToken } from "../../token/LiveToken.ts"
import * as Discovery from "../handshake/Discovery.ts"
import * as Handshake from "../handshake/Handshake.ts"
import { RelayFailure, Silent } from "../RelayFailure.ts"
import { wholeAnswer } from "../transport/AnswerReading.ts"
import { carrying } from "../transport/RelayAnswer.ts"
import { RelayTransport } from "../transport/RelayTransport.ts"
import { RelayEra } from "./RelayEra.ts"

const initializeText = initializeAs({ ...ownClientInfo, name: "holdfast-probe" })
const envelope = Envelope.ofInitialize(initializeText, "{}")

export class RelayProbe extends Context.Service<RelayProbe, {
  /** Succeeds where the relay answered at all, a JSON-RPC error or a 401 included; 5 s at most. */
  readonly once: Effect.Effect<void, RelayFailure>
}>()("holdfast/relay/RelayProbe") {
  /** Speaks with the default agent's token. */
  static readonly layer = Layer.effect(
    RelayProbe,
    Effect.gen(function*() {
      const { send } = yield* RelayTransport
      const transport: RelayTransport["Service"] = { send: (attempt) => send({ ...attempt, probes: true }) }
      const liveToken = yield* LiveToken
      const era = yield* RelayEra
      const { link } = yield* Settings
      let session: Handshake.Handshaken | undefined
      let sent = 0

      const token = liveToken.current(defaultAgent)

      const initialize = Effect.gen(function*() {
        const bearer = yield* token
        const opened = yield* Handshake.initialize(transport, bearer, {
          agent: defaultAgent,
          text: initializeText,
          id: `"holdfast-probe-${++sent}"`
        })
        session = opened
        // The relay has answered; what it makes of this changes nothing.
        yield* Handshake.initialized(transport, bearer, opened).pipe(Effect.ignore, Effect.timeoutOption("1 second"))
      })

      const discover = Effect.flatMap(
        token,
        (bearer) =>
          Discovery.discover(transport, bearer, { agent: defaultAgent, envelope, id: `"holdfast-probe-${++sent}"` })
      ).pipe(
        Effect.tap(era.spoken("modern")),
        Effect.catchIf(Discovery.isLegacy, () => Effect.andThen(era.refused("modern"), initialize))
      )

      /** A relay that was found to be of the legacy era is not asked again before it has been away. */
      const open = Effect.flatMap(
        era.finding,
        ({ tried }) => tried("modern") === "modern" ? Effect.asVoid(discover) : initialize
      )

      const ping = Effect.fnUntraced(function*(open: Handshake.Handshaken) {
        const id = `"holdfast-probe-${++sent}"`
        const answer = yield* transport.send({
          agent: defaultAgent,
          method: "POST",
          body: `{"jsonrpc":"2.0","id":${id},"method":"ping"}`,
          ...carrying(yield* token),
          session: Option.getOrUndefined(open.id),
          protocolVersion: open.protocolVersion
        })
        yield* wholeAnswer(answer, id)
      }, Effect.scoped)

      const exchange = Effect.suspend(() => session === undefined ? open : ping(session)).pipe(
        Effect.catchReason("RelayFailure", "SessionLost", () => open),
        Effect.catchIf(isAnswer, () =>
          // A relay may answer a session that it has forgotten in this way, too: begin with a new one next time.
          Effect.sync(() => {
            session = undefined
          })),
        Effect.timeoutOrElse({
          duration: link.probeTimeout,
          orElse: () =>
            Effect.fail(new RelayFailure({ reason: new Silent({ millis: Duration.toMillis(link.probeTimeout) }) }))
        })
      )

      yield* Effect.addFinalizer(() =>
        session === undefined
          ? Effect.void
          : Effect.flatMap(token, (bearer) => session ? Handshake.end(transport, bearer, session) : Effect.void)
      )

      return RelayProbe.of({ once: exchange })
    })
  )
}

/** A refusal is an answer too: the relay is there. That we have no connection for it says nothing, and so no "away". */
const isAnswer = ({ reason }: RelayFailure): boolean =>
  reason._tag === "Unauthorized" || reason._tag === "Forbidden" || reason._tag === "RateLimited"
  || reason._tag === "SessionRefused" || reason._tag === "OutOfDescriptors"

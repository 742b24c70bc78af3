/** A real MCP exchange on one control session of its own: `initialize` once, then `ping`. */
import { Context, Duration, Effect, Layer, Option } from "effect"
import { Settings } from "../config/Settings.ts"
import { defaultAgent } from "../domain/Ids.ts"
import { defaultVersion } from "../domain/ProtocolVersion.ts"
import { LiveToken } from "../token/LiveToken.ts"
import { wholeAnswer } from "./AnswerReading.ts"
import * as Handshake from "./Handshake.ts"
import { RelayFailure, Silent } from "./RelayFailure.ts"
import { RelayTransport } from "./RelayTransport.ts"

const initializeText = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: defaultVersion, capabilities: {}, clientInfo: { name: "holdfast-probe", version: "1" } }
})

export class RelayProbe extends Context.Service<RelayProbe, {
  /** Succeeds where the relay answered at all, a JSON-RPC error or a 401 included; 5 s at most. */
  readonly once: Effect.Effect<void, RelayFailure>
}>()("holdfast/relay/RelayProbe") {
  /** Speaks with the default agent's token. */
  static readonly layer = Layer.effect(
    RelayProbe,
    Effect.gen(function*() {
      const transport = yield* RelayTransport
      const liveToken = yield* LiveToken
      const { link } = yield* Settings
      let session: Handshake.Handshaken | undefined
      let sent = 0

      const token = Effect.map(liveToken.current(defaultAgent), Option.map((token) => token.value))

      const open = Effect.gen(function*() {
        const bearer = yield* token
        const opened = yield* Handshake.initialize(transport, bearer, {
          text: initializeText,
          id: `"holdfast-probe-${++sent}"`
        })
        session = opened
        // The relay has answered; what it makes of this changes nothing.
        yield* Handshake.initialized(transport, bearer, opened).pipe(Effect.ignore, Effect.timeoutOption("1 second"))
      })

      const ping = Effect.fnUntraced(function*(open: Handshake.Handshaken) {
        const id = `"holdfast-probe-${++sent}"`
        const answer = yield* transport.send({
          method: "POST",
          body: `{"jsonrpc":"2.0","id":${id},"method":"ping"}`,
          token: yield* token,
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

/** A refusal is an answer too: the relay is there. */
const isAnswer = ({ reason }: RelayFailure): boolean =>
  reason._tag === "Unauthorized" || reason._tag === "Forbidden" || reason._tag === "RateLimited"
  || reason._tag === "SessionRefused"

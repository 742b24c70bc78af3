/** A relay and a daemon in front of it, shared by the sentences of one file. */
import { Context, Effect, Layer } from "effect"
import { Daemon, type DaemonOptions } from "./Daemon.ts"
import { TestRelay, type TestRelayOptions } from "./relay/TestRelay.ts"

export class Rig extends Context.Service<Rig, { readonly relay: TestRelay; readonly daemon: Daemon }>()(
  "holdfast/test/Rig"
) {
  static readonly layer = (options: { readonly relay?: TestRelayOptions; readonly daemon?: DaemonOptions } = {}) =>
    Layer.effect(
      Rig,
      Effect.gen(function*() {
        const relay = yield* TestRelay.start(options.relay)
        const daemon = yield* Daemon.start({ relayUrl: relay.url, ...options.daemon })
        return { relay, daemon }
      })
    )
}

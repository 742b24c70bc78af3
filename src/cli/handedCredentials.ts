/** The credentials that the settings hand to a command, asked of the daemon, so that its cache serves this one too. */
import { Context, DateTime, Effect, Layer, Option, Redacted } from "effect"
import { join } from "node:path"
import { hostsOf, originOf } from "../config/CredentialSettings.ts"
import { Settings, type SettingsValues } from "../config/Settings.ts"
import * as CredentialDirectory from "../credentials/CredentialDirectory.ts"
import { type CredentialSource, CredentialSources, CredentialUnavailable } from "../credentials/CredentialSources.ts"
import { RuntimeCredentials } from "../credentials/RuntimeCredentials.ts"
import { DaemonClient } from "./DaemonClient.ts"

const overDaemon = Layer.effect(
  CredentialSources,
  Effect.gen(function*() {
    const daemon = yield* DaemonClient
    const { credentials } = yield* Settings
    const entries = Object.entries(credentials).flatMap(([name, settings]) => {
      const url = URL.parse(originOf(hostsOf(settings)[0] ?? "") ?? "")
      if (url === null) return []
      const payload = { protocol: url.protocol.replace(":", ""), host: url.host }
      const ask = daemon.ask((client) => client.credential.get({ payload })).pipe(
        Effect.map(({ expiresAt, password, username }) => ({
          token: Redacted.make(Redacted.value(password)),
          expiresAt: Option.map(Option.fromNullOr(expiresAt), DateTime.toEpochMillis),
          username
        })),
        Effect.mapError(({ message }) =>
          new CredentialUnavailable({ name, code: "daemon", hint: message, retryable: true })
        )
      )
      return [[name, { source: "daemon", ask }] satisfies [string, CredentialSource]]
    })
    return CredentialSources.of({ sources: new Map(entries) })
  })
)

/**
 * One turn that lasts as long as the scope: its variables. What is missing is said by `onMissing`. Retained files stay in
 * the data directory.
 */
export const handedCredentials = Effect.fnUntraced(function*(
  settings: SettingsValues,
  dataDir: string,
  onMissing: (failure: CredentialUnavailable) => Effect.Effect<void>
) {
  if (!Object.values(settings.credentials).some(({ handOver }) => handOver !== undefined)) return {}
  const layer = RuntimeCredentials.layerNoDeps.pipe(
    Layer.provide(overDaemon),
    Layer.provide(Layer.succeed(Settings, settings)),
    Layer.provide(Layer.succeed(CredentialDirectory.Retained, Option.some(join(dataDir, "credentials"))))
  )
  const { beginTurn, endTurn } = Context.get(yield* Layer.build(layer), RuntimeCredentials)
  const { env, unavailable } = yield* Effect.acquireRelease(beginTurn, () => endTurn)
  yield* Effect.forEach(unavailable, onMissing, { discard: true })
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, Redacted.value(value)]))
})

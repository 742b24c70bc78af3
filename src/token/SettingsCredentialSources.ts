/** The sources of the credentials that the settings name: the same kinds that a relay's token may come from. */
import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { Effect, Layer, Option } from "effect"
import { Settings } from "../config/Settings.ts"
import { type CredentialSource, CredentialSources, CredentialUnavailable } from "../credentials/CredentialSources.ts"
import * as rotation from "./rotation.ts"
import { sourceOf } from "./sources/ChosenSource.ts"

export const layer = Layer.effect(
  CredentialSources,
  Effect.gen(function*() {
    const { credentials } = yield* Settings
    const sources = new Map<string, CredentialSource>()
    for (const [name, settings] of Object.entries(credentials)) {
      const source = yield* sourceOf(settings.token, { relay: undefined, agent: "" })
      if (Option.isNone(source)) continue
      sources.set(name, {
        source: source.value.name,
        ask: source.value.fetch.pipe(
          Effect.mapError(({ code, hint, retryable, status }) =>
            new CredentialUnavailable({ name, code, hint, retryable, status })
          ),
          Effect.timeoutOrElse({
            duration: rotation.patience,
            orElse: () =>
              Effect.fail(
                new CredentialUnavailable({ name, code: "timeout", hint: "no answer within 10 s", retryable: true })
              )
          }),
          Effect.map(({ expiresAt, username, value }) => ({ token: value, expiresAt, username }))
        )
      })
    }
    return CredentialSources.of({ sources })
  })
).pipe(Layer.provide([NodeServices.layer, NodeHttpClient.layerUndici]))

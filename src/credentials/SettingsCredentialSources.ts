/** The sources of the credentials that the settings name: the same kinds that a relay's token may come from. */
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Layer, Option } from "effect"
import { Settings } from "../config/Settings.ts"
import * as HostServices from "../storage/HostServices.ts"
import { sourceOf } from "../token/sources/ChosenSource.ts"
import { type CredentialSource, CredentialSources, CredentialUnavailable } from "./CredentialSources.ts"

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
        ask: Effect.mapBoth(source.value.fetch, {
          onSuccess: ({ expiresAt, username, value }) => ({ token: value, expiresAt, username }),
          onFailure: ({ code, hint, retryable, status }) =>
            new CredentialUnavailable({ name, code, hint, retryable, status })
        })
      })
    }
    return CredentialSources.of({ sources })
  })
).pipe(Layer.provide([HostServices.layer, NodeHttpClient.layerUndici]))

/**
 * The source that a relay's settings choose (BEHAVIOUR 7). Naming one is choosing it, and it beats the environment;
 * several are an error unless `token.sources` gives their order.
 *
 * The environment's token is meant for the default relay: another one gets it only where its settings list it.
 */
import { Effect, type FileSystem, Option, Schema } from "effect"
import type { TokenSettings } from "../config/Settings.ts"
import { type AgentName, defaultRelay, type RelayId } from "../domain/Ids.ts"
import * as EnvironmentSource from "./EnvironmentSource.ts"
import * as FileSource from "./FileSource.ts"
import * as FirstOf from "./FirstOf.ts"
import * as StaticSource from "./StaticSource.ts"
import type { TokenSource } from "./TokenSource.ts"

export class TokenSettingsInvalid extends Schema.TaggedError<TokenSettingsInvalid>()("TokenSettingsInvalid", {
  relay: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the token settings of relay "${this.relay}": ${this.detail}`
  }
}

/** A source, or one for each agent. */
export type ChosenSource =
  | { readonly _tag: "None" }
  | { readonly _tag: "Shared"; readonly source: TokenSource }
  | { readonly _tag: "PerAgent"; readonly source: (agent: AgentName) => Effect.Effect<TokenSource> }

type Kind = "value" | "file" | "environment"

const kinds = Effect.fnUntraced(function*(relay: RelayId, token: TokenSettings) {
  const invalid = (detail: string) => new TokenSettingsInvalid({ relay, detail })
  const named = (["value", "file"] as const).filter((kind) => token[kind] !== undefined)
  if (token.sources === undefined) {
    if (named.length > 1) {
      return yield* invalid(`${named.join(" and ")} are both set; remove one, or list their order in "sources"`)
    }
    return named
  }
  for (const kind of token.sources) {
    if (kind !== "environment" && token[kind] === undefined) {
      return yield* invalid(`"sources" lists ${kind}, which is not set`)
    }
  }
  const missing = named.find((kind) => !token.sources?.includes(kind))
  if (missing !== undefined) return yield* invalid(`${missing} is set, but "sources" does not list it`)
  return token.sources
})

export const choose = Effect.fnUntraced(function*(
  relay: RelayId,
  token: TokenSettings
): Effect.fn.Return<ChosenSource, TokenSettingsInvalid, FileSystem.FileSystem> {
  const chosen = yield* kinds(relay, token)
  const environment = yield* EnvironmentSource.find
  if (chosen.length === 0) {
    if (relay !== defaultRelay || Option.isNone(environment)) return { _tag: "None" }
    return { _tag: "Shared", source: environment.value }
  }

  const context = yield* Effect.context<FileSystem.FileSystem>()
  const one = (kind: Kind, agent: string): Effect.Effect<TokenSource, never, FileSystem.FileSystem> => {
    if (kind === "file" && token.file !== undefined) return FileSource.make(token.file.replaceAll("{agent}", agent))
    if (kind === "value" && token.value !== undefined) return Effect.succeed(StaticSource.make("value", token.value))
    return Effect.succeed(Option.getOrElse(environment, () => EnvironmentSource.unset))
  }
  const source = (agent: string) =>
    Effect.forEach(chosen, (kind) => one(kind, agent)).pipe(
      Effect.map((sources) => sources.length === 1 && sources[0] !== undefined ? sources[0] : FirstOf.make(sources)),
      Effect.provide(context)
    )
  return token.file?.includes("{agent}") === true
    ? { _tag: "PerAgent", source }
    : { _tag: "Shared", source: yield* source("") }
})

/**
 * The source that a relay's settings choose (BEHAVIOUR 7). Naming one is choosing it, and it beats the environment;
 * several are an error unless `token.sources` gives their order.
 *
 * The environment's token is meant for the default relay: another one gets it only where its settings list it.
 */
import { Effect, type FileSystem, Option, Predicate, Redacted, Schema, Stream } from "effect"
import type { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import {
  inconsistency,
  namedSources,
  type SourceSettings,
  type TokenSettings,
  type TokenSourceKind
} from "../../config/TokenSettings.ts"
import { type AgentName, defaultRelay, type RelayId } from "../../domain/Ids.ts"
import type { DataDirectory } from "../../storage/DataDirectory.ts"
import * as rotation from "../rotation.ts"
import * as AgentLogins from "./AgentLogins.ts"
import * as ClientCredentials from "./ClientCredentials.ts"
import * as CommandSource from "./CommandSource.ts"
import * as FileSource from "./FileSource.ts"
import * as LoginSource from "./LoginSource.ts"
import * as MintSource from "./MintSource.ts"
import { type TokenSource, TokenSourceFailed, usableOf } from "./TokenSource.ts"
import * as UplinkSource from "./UplinkSource.ts"
import * as ValueSource from "./ValueSource.ts"

/**
 * Asks one source after the other; the first that answers wins. Where none does, it fails with what each one said.
 * One that hangs gets its share of the time, so that the next one is asked at all.
 */
const firstOf = (sources: ReadonlyArray<TokenSource>): TokenSource => ({
  name: sources.map(({ name }) => name).join(", "),
  fetch: Effect.gen(function*() {
    const failures: Array<TokenSourceFailed> = []
    for (const source of sources) {
      const answer = yield* usableOf(source).pipe(
        Effect.timeoutOrElse({
          duration: rotation.sourceTimeout / sources.length,
          orElse: () =>
            Effect.fail(
              new TokenSourceFailed({ code: "timeout", hint: `${source.name} did not answer in time`, retryable: true })
            )
        }),
        Effect.result
      )
      if (answer._tag === "Success") return answer.success
      failures.push(answer.failure)
    }
    return yield* new TokenSourceFailed({
      code: failures.map(({ code }) => code).join(", "),
      hint: failures.map(({ hint }) => hint).join("; "),
      retryable: failures.some(({ retryable }) => retryable)
    })
  }),
  changes: Stream.mergeAll(sources.map(({ changes }) => changes), { concurrency: "unbounded" })
})

export class TokenSettingsInvalid extends Schema.TaggedError<TokenSettingsInvalid>()("TokenSettingsInvalid", {
  relay: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the token settings of relay "${this.relay}": ${this.detail}`
  }
}

/** Who shares a token: an agent with one of its own, or `*` for all others. */
export type TokenOwner = AgentName | "*"

/** A source, or one for each owner. */
export type ChosenSource =
  | { readonly _tag: "None" }
  | { readonly _tag: "Shared"; readonly source: TokenSource }
  | {
    readonly _tag: "PerAgent"
    readonly ownerOf: (agent: AgentName) => TokenOwner
    readonly source: (owner: TokenOwner) => Effect.Effect<Option.Option<TokenSource>>
    /** Where owners change while we run: each agent that has another one, and what goes with an agent that is removed. */
    readonly logins: Pick<AgentLogins.AgentLogins, "moved" | "forget"> | undefined
  }

/** What sources stand on. */
export type SourceServices = FileSystem.FileSystem | HttpClient.HttpClient | ChildProcessSpawner.ChildProcessSpawner

/** For which relay, and for which agent where `{agent}` stands for one. */
interface For {
  readonly relay: URL | undefined
  readonly agent: string
}

/** One source of settings that `SourceSettings` found consistent. */
const one = Effect.fnUntraced(function*(kind: TokenSourceKind, settings: SourceSettings, { agent, relay }: For) {
  const { command, file, oauth, uplink, url, value } = settings
  if (kind === "value" && value !== undefined) {
    return ValueSource.isTemplate(value)
      ? yield* ValueSource.fromTemplate("value", value, agent)
      : ValueSource.fixed("value", value)
  }
  if (kind === "file" && file !== undefined) return yield* FileSource.make(file.replaceAll("{agent}", agent))
  if (kind === "command" && command !== undefined) {
    return yield* CommandSource.make(command.replaceAll("{agent}", agent), agent)
  }
  if (kind === "url" && url !== undefined) return yield* MintSource.make(url, agent)
  if (kind === "oauth" && oauth !== undefined) return yield* ClientCredentials.make(oauth, relay, agent)
  if (kind === "uplink" && uplink !== undefined) return yield* UplinkSource.make(uplink)
  return Option.getOrElse(yield* ValueSource.find, () => ValueSource.unset)
})

/** The sources that are named, as one; `None` where none is. */
export const sourceOf = Effect.fnUntraced(function*(settings: SourceSettings, whom: For) {
  const sources = yield* Effect.forEach(namedSources(settings), (kind) => one(kind, settings, whom))
  const [only] = sources
  if (only === undefined) return Option.none<TokenSource>()
  return Option.some<TokenSource>(sources.length === 1 ? only : firstOf(sources))
})

/** Whether the settings make another source of each agent's name. */
const namesAgent = (settings: unknown): boolean => {
  if (Redacted.isRedacted(settings)) return namesAgent(Redacted.value(settings))
  if (Predicate.isString(settings)) return settings.includes("{agent}")
  return Predicate.isObjectOrArray(settings) && Object.values(settings).some(namesAgent)
}

export const choose = Effect.fnUntraced(function*(
  relay: RelayId,
  settings: TokenSettings,
  url?: URL
): Effect.fn.Return<ChosenSource, TokenSettingsInvalid, SourceServices | DataDirectory> {
  const { agents = {}, ...rest } = settings
  const { value: _, ...templates } = rest
  for (const each of [rest, ...Object.values(agents)]) {
    const detail = inconsistency(each)
    if (detail !== undefined) return yield* new TokenSettingsInvalid({ relay, detail })
  }
  const environment = relay === defaultRelay ? yield* ValueSource.find : Option.none()
  // Where none is named, a person's login is what is left; it may come while we run.
  const login = yield* LoginSource.make(relay, url)
  const forAll = (agent: string) =>
    Effect.map(
      sourceOf(rest, { relay: url, agent }),
      (named) => Option.orElse(Option.orElse(named, () => environment), () => Option.some(login))
    )

  const eachAgent = namesAgent(templates)
  const isLoginLast = namedSources(rest).length === 0 && Option.isNone(environment)
  if (!isLoginLast && !eachAgent && Object.keys(agents).length === 0) {
    return Option.match(yield* forAll(""), {
      onNone: () => ({ _tag: "None" }),
      onSome: (source) => ({ _tag: "Shared", source })
    })
  }
  const context = yield* Effect.context<SourceServices | DataDirectory>()
  const isNamed = (agent: AgentName) => eachAgent || Object.hasOwn(agents, agent)
  const logins = isLoginLast ? yield* AgentLogins.make(relay, url) : undefined
  return {
    _tag: "PerAgent",
    ownerOf: (agent) => isNamed(agent) || logins?.has(agent) === true ? agent : "*",
    source: (owner) => {
      const own = owner === "*" ? undefined : agents[owner]
      if (own !== undefined) return Effect.provideContext(sourceOf(own, { relay: url, agent: owner }), context)
      if (owner === "*" || eachAgent) return Effect.provideContext(forAll(owner), context)
      return Effect.provideContext(Effect.asSome(LoginSource.make(relay, url, owner)), context)
    },
    logins
  }
})

/**
 * The credentials that the settings name, for the hosts that they name and for nobody else: one cache and one refresh
 * for every process that asks (git's helper, gh).
 */
import { Context, Effect, Layer, Option, type Redacted, Schema } from "effect"
import { type CredentialSettings, hostsOf, originOf, usernameOf } from "../config/CredentialSettings.ts"
import { Settings } from "../config/Settings.ts"
import * as Authority from "../domain/Authority.ts"
import { CredentialSources, CredentialUnavailable } from "./CredentialSources.ts"
import * as OnDemandCredential from "./OnDemandCredential.ts"

/** No credential is configured for that place, or not for that user: others may have one. */
export class NotOurs extends Schema.TaggedError<NotOurs>()("NotOurs", { place: Schema.String, why: Schema.String }) {
  override get message(): string {
    return `${this.place}: ${this.why}`
  }
}

export interface Place {
  readonly protocol: string
  /** With the port, where there is one. */
  readonly host: string
  readonly username?: string | undefined
}

export interface Credential {
  readonly name: string
  readonly username: string
  readonly password: Redacted.Redacted
  /** Milliseconds since the epoch, where the source said. */
  readonly expiresAt: Option.Option<number>
}

export interface CredentialStatus extends OnDemandCredential.CredentialCondition {
  readonly name: string
  readonly hosts: ReadonlyArray<string>
  readonly source: string
}

export class Credentials extends Context.Service<Credentials, {
  readonly get: (place: Place) => Effect.Effect<Credential, NotOurs | CredentialUnavailable>
  /** The refused password is not given out again; without `password`, the one in force is not. */
  readonly erase: (place: Place, password: Redacted.Redacted | undefined) => Effect.Effect<void>
  readonly status: Effect.Effect<ReadonlyArray<CredentialStatus>>
}>()("holdfast/credentials/Credentials") {
  static readonly layerNoDeps = Layer.effect(
    Credentials,
    Effect.gen(function*() {
      const { credentials } = yield* Settings
      const { sources } = yield* CredentialSources
      const all: Array<Known> = []
      for (const [name, settings] of Object.entries(credentials)) {
        const source = sources.get(name)
        if (source === undefined) continue
        const origins = hostsOf(settings).flatMap((host) => originOf(host) ?? [])
        const fresh = yield* OnDemandCredential.make(name, source.ask, { logged: true })
        all.push({ name, settings, origins, source: source.source, fresh })
      }

      const find = Effect.fnUntraced(function*({ host, protocol }: Place) {
        const origin = protocol === "https" || protocol === "http"
          ? Authority.originOf(protocol, host)
          : Option.none<string>()
        const found = all.find(({ origins }) => Option.exists(origin, (origin) => origins.includes(origin)))
        return found ??
          (yield* new NotOurs({ place: `${protocol}://${host}`, why: "no credential is configured for it" }))
      })

      return Credentials.of({
        get: Effect.fn("Credentials.get")(function*(place) {
          const { fresh, name, settings } = yield* find(place)
          const issued = yield* fresh.get
          const username = usernameOf(settings, issued.username)
          if (username === "") {
            const hint = `its source names no user: set credentials.${name}.username`
            return yield* new CredentialUnavailable({ name, code: "no user", hint, retryable: true })
          }
          if (place.username !== undefined && place.username !== username) {
            return yield* new NotOurs({
              place: `${place.protocol}://${place.host}`,
              why: `asked for the user ${place.username}, and ours is ${username}`
            })
          }
          return { name, username, password: issued.token, expiresAt: issued.expiresAt }
        }),
        erase: Effect.fn("Credentials.erase")(function*(place, password) {
          const found = yield* Effect.option(find(place))
          if (found._tag === "Some") yield* found.value.fresh.erase(password)
        }),
        status: Effect.suspend(() =>
          Effect.forEach(
            all,
            ({ fresh, name, settings, source }) =>
              Effect.map(fresh.status, (state) => ({ ...state, name, source, hosts: hostsOf(settings) }))
          )
        )
      })
    })
  )
}

interface Known {
  readonly name: string
  readonly settings: CredentialSettings
  readonly origins: ReadonlyArray<string>
  readonly source: string
  readonly fresh: OnDemandCredential.OnDemandCredential
}

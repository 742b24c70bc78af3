/** The relay that a login is for: by its name, by its URL, or the only one that there is. */
import { Effect, Result } from "effect"
import { relayTargets } from "../../config/Settings.ts"
import { defaultRelay, type RelayId } from "../../domain/Ids.ts"
import { dataDirectory, settings, settingsWith } from "../configuration.ts"
import { DaemonClient } from "../DaemonClient.ts"
import { UsageError } from "../Failures.ts"

/** Of the running daemon: a flag may have named one that no setting does. */
const served = Effect.gen(function*() {
  const configured = yield* settings
  const tokenOf = (relay: RelayId) => relay === defaultRelay ? configured.token : configured.relays[relay]?.token ?? {}
  const { ask } = yield* DaemonClient
  const asked = yield* Effect.result(ask((client) => client.status()))
  if (Result.isFailure(asked)) return []
  return asked.success.relays.map(({ id, url }) => ({ id, url: new URL(url), token: tokenOf(id) }))
})

/** The daemon shows its relays' URLs without their queries. */
const samePlace = (one: { readonly url: URL }, other: { readonly url: URL }): boolean =>
  one.url.origin === other.url.origin && one.url.pathname === other.url.pathname

export const loginTarget = Effect.fnUntraced(function*(named: string | undefined) {
  const url = named?.includes("://") === true ? named : undefined
  const configured = relayTargets(yield* settingsWith({ relay: url, port: undefined }))
  const running = url === undefined ? yield* Effect.provide(served, DaemonClient.layer(yield* dataDirectory)) : []
  // The daemon's word counts: a flag may have put another URL in the place of the settings'.
  const others = configured.filter((one) => !running.some((other) => other.id === one.id && !samePlace(other, one)))
  const all = [...others, ...running.filter(({ id }) => !others.some((one) => one.id === id))]
  const wanted = url === undefined && named !== undefined ? named : defaultRelay
  const found = all.find(({ id }) => id === wanted)
  if (found !== undefined) return found
  const [only] = all
  if (named === undefined && only !== undefined && all.length === 1) return only
  const names = all.map(({ id }) => id).join(", ")
  if (all.length === 0) {
    const none = named === undefined ? "which relay? None" : `no relay is called "${named}": none`
    return yield* new UsageError({
      message: `${none} is configured, and no daemon serves one: name its URL, "holdfast login --relay URL"`
    })
  }
  return yield* new UsageError({
    message: named === undefined
      ? `which relay? Name one with --relay: ${names}`
      : `no relay is called "${wanted}"; there is ${names}: name one of them, or the default relay's URL, with --relay`
  })
})

import { Effect, Option, type Redacted, Stream } from "effect"
import type { TokenSource } from "./TokenSource.ts"

/** A token that never changes, from the configuration or the environment. */
export const make = (name: string, value: Redacted.Redacted): TokenSource => ({
  name,
  fetch: Effect.succeed({ source: name, value, expiresAt: Option.none(), subject: Option.none() }),
  changes: Stream.empty
})

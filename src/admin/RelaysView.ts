import { Schema } from "effect"
import { RelayId } from "../domain/Ids.ts"

/** `variables` are names that the daemon is asked about: whether its environment has them. */
export const ReloadCommand = Schema.Struct({ variables: Schema.optional(Schema.Array(Schema.String)) })

export const ReloadView = Schema.Struct({
  /** All that are served now. */
  relays: Schema.Array(RelayId),
  added: Schema.Array(RelayId),
  changed: Schema.Array(RelayId),
  removed: Schema.Array(Schema.Struct({ relay: RelayId, undelivered: Schema.Int })),
  /** Those of the variables that the daemon's environment lacks. */
  unset: Schema.Array(Schema.String)
})
export type ReloadView = typeof ReloadView.Type

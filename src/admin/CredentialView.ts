/** Credentials for git and gh, as the admin API tells them. Only `get` tells a secret, and only for a configured host. */
import { Option, Redacted, Schema } from "effect"
import type { Credential, CredentialStatus } from "../credentials/Credentials.ts"
import { Instant, instantOrNull } from "./Instant.ts"

export const CredentialPlace = Schema.Struct({
  protocol: Schema.String,
  host: Schema.String,
  username: Schema.optional(Schema.String)
})

export const CredentialRefused = Schema.Struct({
  ...CredentialPlace.fields,
  password: Schema.optional(Schema.String)
})

/** The one answer that holds a secret: `password`. */
export const CredentialAnswer = Schema.Struct({
  name: Schema.String,
  username: Schema.String,
  password: Schema.RedactedFromValue(Schema.String),
  expiresAt: Schema.NullOr(Instant)
})
export type CredentialAnswer = typeof CredentialAnswer.Type

export const CredentialView = Schema.Struct({
  name: Schema.String,
  hosts: Schema.Array(Schema.String),
  source: Schema.String,
  state: Schema.Literals(["none", "valid", "failing", "rejected"]),
  expiresAt: Schema.NullOr(Instant),
  lastAskAt: Schema.NullOr(Instant),
  /** Where the last ask failed: with the first use after this the source is asked again. */
  nextAskAt: Schema.NullOr(Instant),
  /** In the source's own words; `attempt` counts failures in a row. */
  lastError: Schema.NullOr(
    Schema.Struct({
      code: Schema.String,
      hint: Schema.String,
      status: Schema.NullOr(Schema.Int),
      attempt: Schema.Int
    })
  )
})
export type CredentialView = typeof CredentialView.Type

export const credentialAnswer = ({ expiresAt, name, password, username }: Credential): CredentialAnswer => ({
  name,
  username,
  password: Redacted.make(Redacted.value(password)),
  expiresAt: instantOrNull(expiresAt)
})

export const credentialView = (status: CredentialStatus): CredentialView => ({
  name: status.name,
  hosts: status.hosts,
  source: status.source,
  state: status.state,
  expiresAt: instantOrNull(status.expiresAt),
  lastAskAt: instantOrNull(status.lastAskAt),
  nextAskAt: instantOrNull(status.nextAskAt),
  lastError: Option.match(status.lastError, {
    onNone: () => null,
    onSome: ({ code, hint, status: http = null }) => ({ code, hint, status: http, attempt: status.attempt })
  })
})

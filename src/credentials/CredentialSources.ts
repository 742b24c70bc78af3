/** The seam to the token sources: what a configured credential is asked of. */
import { Context, type Effect, type Option, type Redacted, Schema } from "effect"

/** Why a source gave nothing, in its own words and never with a secret. */
export class CredentialUnavailable extends Schema.TaggedError<CredentialUnavailable>()("CredentialUnavailable", {
  /** The credential's name in the settings. */
  name: Schema.String,
  code: Schema.String,
  hint: Schema.String,
  status: Schema.optional(Schema.Int),
  /** Whether asking again may help. */
  retryable: Schema.Boolean
}) {
  override get message(): string {
    return `the source of credential "${this.name}" gave none: ${this.hint} (${this.code})`
  }
}

export interface IssuedCredential {
  readonly token: Redacted.Redacted
  /** Milliseconds since the epoch, where the source said. */
  readonly expiresAt: Option.Option<number>
  readonly username: string | undefined
}

export interface CredentialSource {
  /** Kind and place, never a secret. */
  readonly source: string
  /** Asks once, without any cache; is interrupted after 10 s. */
  readonly ask: Effect.Effect<IssuedCredential, CredentialUnavailable>
}

export class CredentialSources extends Context.Service<CredentialSources, {
  /** By the credential's name. */
  readonly sources: ReadonlyMap<string, CredentialSource>
}>()("holdfast/credentials/CredentialSources") {}

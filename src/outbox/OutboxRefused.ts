import { Schema } from "effect"

/** Refused, and nothing was accepted: full, too large, a reused key with other arguments, a disk that fails, our end. */
export class OutboxRefused extends Schema.TaggedError<OutboxRefused>()("OutboxRefused", {
  reason: Schema.Literals(["full", "too large", "key reused", "storage", "stopping"]),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

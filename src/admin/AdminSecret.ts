/** The secret behind which the admin API stands; it lives in `<data-dir>/admin-secret` and in no message. */
import { Context, Layer, Redacted } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"

const digest = (text: string) => createHash("sha256").update(text).digest()

export class AdminSecret extends Context.Service<AdminSecret, {
  /** In constant time, whatever the length. */
  readonly matches: (given: Redacted.Redacted) => boolean
}>()("holdfast/admin/AdminSecret") {
  static readonly layer = (secret: Redacted.Redacted) => {
    const expected = digest(Redacted.value(secret))
    return Layer.succeed(AdminSecret, { matches: (given) => timingSafeEqual(digest(Redacted.value(given)), expected) })
  }
}

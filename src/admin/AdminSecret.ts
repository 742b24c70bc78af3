/** The secret behind which the admin API stands; it lives in `<data-dir>/admin-secret` and in no message. */
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { DataDirectory } from "../storage/DataDirectory.ts"

const digest = (text: string) => createHash("sha256").update(text).digest()

const of = (secret: Redacted.Redacted) => {
  const expected = digest(Redacted.value(secret))
  return AdminSecret.of({ matches: (given) => timingSafeEqual(digest(Redacted.value(given)), expected) })
}

export class AdminSecret extends Context.Service<AdminSecret, {
  /** In constant time, whatever the length. */
  readonly matches: (given: Redacted.Redacted) => boolean
}>()("holdfast/admin/AdminSecret") {
  /** The data directory's; the first start makes one. */
  static readonly layerNoDeps = Layer.effect(
    AdminSecret,
    Effect.gen(function*() {
      const directory = yield* DataDirectory
      const name = "admin-secret"
      const found = yield* directory.readSecretFile(name)
      const secret = Option.getOrElse(found, () => randomBytes(32).toString("base64url"))
      if (Option.isNone(found)) yield* directory.writeAtomically(name, `${secret}\n`)
      return of(Redacted.make(secret))
    })
  )

  static readonly layerOf = (secret: Redacted.Redacted) => Layer.sync(AdminSecret, () => of(secret))
}

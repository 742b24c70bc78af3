/** The admin API, behind a secret of its own, on the endpoint's port. */
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { AdminHandler } from "../admin/AdminHandler.ts"
import { AdminSecret } from "../admin/AdminSecret.ts"
import { Daemon } from "../admin/Daemon.ts"
import { version } from "../domain/Version.ts"
import { Endpoint } from "../mcp/http/Endpoint.ts"
import { ExtraRoutes } from "../mcp/http/ExtraRoutes.ts"
import { DataDirectory } from "../storage/DataDirectory.ts"

const adminSecret = Layer.unwrap(Effect.gen(function*() {
  const directory = yield* DataDirectory
  const name = "admin-secret"
  const found = yield* directory.readSecretFile(name)
  const secret = Option.getOrElse(found, () => randomBytes(32).toString("base64url"))
  if (Option.isNone(found)) yield* directory.writeAtomically(name, `${secret}\n`)
  return AdminSecret.layer(Redacted.make(secret))
}))

export const daemon = Layer.effect(
  Daemon,
  Effect.gen(function*() {
    const { url } = yield* Endpoint
    const startedAt = Math.floor(yield* Clock.currentTimeMillis)
    return { version: version, pid: process.pid, startedAt, url }
  })
)

export const admin = Layer.effectDiscard(Effect.gen(function*() {
  const routes = yield* ExtraRoutes
  const { handle } = yield* AdminHandler
  yield* routes.mount("/api", handle)
})).pipe(
  Layer.provide(AdminHandler.layerNoDeps),
  Layer.provide(adminSecret)
)

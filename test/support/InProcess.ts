/** The whole runtime in the test's own process, in front of a relay, listening. */
import { Context, Effect, Layer, References } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { defaultRelay } from "../../src/domain/Ids.ts"
import { runtime } from "../../src/Holdfast.ts"
import { Holdfast, RelayRegistry, type SettingsSchema } from "../../src/index.ts"
import { memoryDirectory } from "./environment.ts"

type Encoded = typeof SettingsSchema.Encoded

/** Until the scope ends; `outages` counts how often the link went Down since. */
export const holdfast = Effect.fnUntraced(function*(relay: URL, settings: Encoded = {}) {
  const dataDir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(memoryDirectory(), "holdfast-hostile-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const services = yield* Layer.build(
    runtime({
      settings: { ...settings, relay: { url: relay.href }, dataDir, listen: { port: 0, ...settings.listen } }
      // What a hostile peer makes of the log is nothing that a test's own output needs.
    }).pipe(Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error")))
  )
  const { url } = Context.get(services, Holdfast)
  const { find } = Context.get(services, RelayRegistry)
  const { link } = yield* Effect.orDie(Effect.fromNullishOr(find(defaultRelay)))
  const before = yield* link.state
  return {
    url,
    port: Number(new URL(url).port),
    secret: readFileSync(join(dataDir, "agent-secret"), "utf8").trim(),
    link,
    /** Whether the link is Up and was so all the time. */
    steady: Effect.map(link.state, (now) => now._tag === "Up" && now.since === before.since)
  }
})

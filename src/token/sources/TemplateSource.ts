/** A token that the configuration names by a variable or a file: `{env:NAME}`, `{file:PATH}`, read anew with each ask. */
import { Context, Effect, FileSystem, Option, Redacted, Stream } from "effect"
import { resolve } from "./Template.ts"
import type { TokenSource } from "./TokenSource.ts"

export const isTemplate = (value: Redacted.Redacted): boolean => /\{(env|file):/.test(Redacted.value(value))

export const make = Effect.fnUntraced(function*(name: string, template: Redacted.Redacted, agent: string) {
  const services = yield* Effect.context<FileSystem.FileSystem>()
  return {
    name,
    fetch: resolve(Redacted.value(template), agent).pipe(
      Effect.map((token) => ({
        source: name,
        value: Redacted.make(token),
        expiresAt: Option.none(),
        subject: Option.none()
      })),
      Effect.provideService(FileSystem.FileSystem, Context.get(services, FileSystem.FileSystem))
    ),
    changes: Stream.empty
  } satisfies TokenSource
})

/** A token that the configuration or the environment holds: as it is, or by the name of a variable or a file. */
import { Config, Context, Effect, FileSystem, Option, Redacted, Stream } from "effect"
import * as TemplateText from "../../config/TemplateText.ts"
import { resolve } from "./Template.ts"
import { type TokenSource, TokenSourceFailed } from "./TokenSource.ts"

/** It never changes. */
export const fixed = (name: string, value: Redacted.Redacted): TokenSource => ({
  name,
  fetch: Effect.succeed({ source: name, value, expiresAt: Option.none(), subject: Option.none() }),
  changes: Stream.empty
})

export const isTemplate = (value: Redacted.Redacted): boolean => TemplateText.isTemplate(Redacted.value(value))

/** With `{env:NAME}` or `{file:PATH}`, read anew with each ask. */
export const fromTemplate = Effect.fnUntraced(function*(name: string, template: Redacted.Redacted, agent: string) {
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

// `HOLDFAST_RELAY_TOKEN`, as it was when the daemon started: a process's environment does not change.

const variable = "HOLDFAST_RELAY_TOKEN"
const name = "environment"

/** `None` where the variable is not set, or empty. */
export const find = Config.Redacted(variable).pipe(
  Config.option,
  Effect.orElseSucceed(Option.none),
  Effect.map((token) =>
    Option.map(
      Option.filter(token, (value) => Redacted.value(value).trim() !== ""),
      (value) => fixed(name, Redacted.make(Redacted.value(value).trim()))
    )
  )
)

/** For a configuration that lists the environment although it holds no token. */
export const unset: TokenSource = {
  name,
  fetch: Effect.fail(new TokenSourceFailed({ code: "not set", hint: `${variable} is not set`, retryable: false })),
  changes: Stream.empty
}

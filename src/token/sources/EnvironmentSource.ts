/** `HOLDFAST_RELAY_TOKEN`, as it was when the daemon started: a process's environment does not change. */
import { Config, Effect, Option, Redacted, Stream } from "effect"
import { type TokenSource, TokenSourceFailed } from "./TokenSource.ts"
import * as ValueSource from "./ValueSource.ts"

const variable = "HOLDFAST_RELAY_TOKEN"
const name = "environment"

/** `None` where the variable is not set, or empty. */
export const find = Config.Redacted(variable).pipe(
  Config.option,
  Effect.orElseSucceed(Option.none),
  Effect.map((token) =>
    Option.map(
      Option.filter(token, (value) => Redacted.value(value).trim() !== ""),
      (value) => ValueSource.fixed(name, Redacted.make(Redacted.value(value).trim()))
    )
  )
)

/** For a configuration that lists the environment although it holds no token. */
export const unset: TokenSource = {
  name,
  fetch: Effect.fail(new TokenSourceFailed({ code: "not set", hint: `${variable} is not set`, retryable: false })),
  changes: Stream.empty
}

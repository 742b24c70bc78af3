/**
 * Text of the configuration that stands for a value known only at use: `{agent}`, `{env:NAME}`, `{file:PATH}`.
 *
 * Resolved anew with each ask, so that a mounted secret that changed is the one that is sent.
 */
import { Config, Effect, FileSystem, Redacted } from "effect"
import { TokenSourceFailed } from "./TokenSource.ts"

const hole = /\{(agent|env:\w+|file:[^{}]+)\}/g

const unresolved = (hint: string) => new TokenSourceFailed({ code: "not configured", hint, retryable: true })

const variable = (name: string) =>
  Config.Redacted(name).pipe(
    Effect.map(Redacted.value),
    Effect.mapError(() => unresolved(`${name} is not set`))
  )

const fileText = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(fs.readFileString(path), () => unresolved(`the file ${path} cannot be read`))
})

const valueOf = Effect.fnUntraced(function*(name: string, agent: string) {
  if (name === "agent") return agent
  const rest = name.slice(name.indexOf(":") + 1)
  const text = (yield* name.startsWith("env:") ? variable(rest) : fileText(rest)).trim()
  return text === "" ? yield* unresolved(`${rest} is empty`) : text
})

/** `encode` is applied to what is filled in, but not to what begins the text: that is a URL's origin. */
export const resolve = Effect.fnUntraced(function*(
  template: string,
  agent: string,
  encode: (text: string) => string = (text) => text
): Effect.fn.Return<string, TokenSourceFailed, FileSystem.FileSystem> {
  const filled = yield* Effect.forEach(
    [...template.matchAll(hole)],
    (match) => Effect.map(valueOf(match[1] ?? "", agent), (text) => match.index === 0 ? text : encode(text))
  )
  let next = 0
  return template.replace(hole, () => filled[next++] ?? "")
})

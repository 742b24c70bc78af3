/** Fills in templates, anew with each ask, so that a mounted secret that changed is the one that is sent. */
import { Config, Effect, FileSystem, Redacted } from "effect"
import * as TemplateText from "../../config/TemplateText.ts"
import { TokenSourceFailed } from "./TokenSource.ts"

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

const filledIn = (name: string, text: string) => {
  const trimmed = text.trim()
  return trimmed === "" ? Effect.fail(unresolved(`${name} is empty`)) : Effect.succeed(trimmed)
}

const valueOf = (hole: TemplateText.Hole, agent: string) => {
  switch (hole._tag) {
    case "Brace":
      return Effect.succeed("{")
    case "Agent":
      return Effect.succeed(agent)
    case "Variable":
      return Effect.flatMap(variable(hole.name), (text) => filledIn(hole.name, text))
    case "File":
      return Effect.flatMap(fileText(hole.path), (text) => filledIn(hole.path, text))
  }
}

/** `encode` is applied to what is filled in, but not to what begins the text: that is a URL's origin. */
export const resolve = Effect.fnUntraced(function*(
  template: string,
  agent: string,
  encode: (text: string) => string = (text) => text
): Effect.fn.Return<string, TokenSourceFailed, FileSystem.FileSystem> {
  const filled = yield* Effect.forEach(
    TemplateText.holesIn(template),
    ({ at, hole }) => Effect.map(valueOf(hole, agent), (text) => at === 0 ? text : encode(text))
  )
  return TemplateText.fill(template, filled)
})

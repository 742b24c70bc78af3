/** Finds and reads the configuration file, `holdfast.json`. */
import { Effect, FileSystem, Option, Path, type PlatformError, Predicate } from "effect"
import { parse, type ParseError, type ParseOptions, printParseErrorCode } from "jsonc-parser"
import { BadConfiguration } from "./BadConfiguration.ts"
import { otherVariables } from "./Environment.ts"

type Env = Readonly<Record<string, string | undefined>>

/**
 * Gives the file that `--config` or `HOLDFAST_CONFIG` names, which then must exist; else `holdfast/holdfast.json` under
 * `$XDG_CONFIG_HOME` or `~/.config`, if it exists. A file in the working directory is never read: a checkout could
 * bring one along and send the relay's token elsewhere.
 */
export const locate = Effect.fnUntraced(function*(env: Env, named: string | undefined) {
  const explicit = named ?? (env[otherVariables.config] || undefined)
  if (explicit !== undefined) return Option.some(explicit)
  const path = yield* Path.Path
  const home = env["XDG_CONFIG_HOME"] || (env["HOME"] && path.join(env["HOME"], ".config"))
  if (!home) return Option.none()
  const file = path.join(home, "holdfast", "holdfast.json")
  const fs = yield* FileSystem.FileSystem
  return (yield* Effect.orElseSucceed(fs.exists(file), () => false)) ? Option.some(file) : Option.none()
})

/** Says where and why the text is no JSON. The runtime's own message would quote the text, secrets included. */
export const fault = (text: string, options: ParseOptions = { disallowComments: true }): string => {
  const errors: Array<ParseError> = []
  parse(text, errors, options)
  const [error] = errors
  if (error === undefined) return ""
  const before = text.slice(0, error.offset).split("\n")
  const words = printParseErrorCode(error.error).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim()
  return `: ${words} at line ${before.length}, column ${before.at(-1)!.length + 1}`
}

const unreadable = (file: string, { cause, message, reason }: PlatformError.PlatformError): string => {
  if (reason._tag === "NotFound") return `there is no file ${file}`
  if (reason._tag === "PermissionDenied") return `${file} cannot be read: this user may not read it`
  const isDirectory = Predicate.hasProperty(cause, "code") && cause.code === "EISDIR"
  return isDirectory ? `${file} is not a file` : `${file} cannot be read: ${message}`
}

/** Reads the file's object; its members are not checked here. */
export const read = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(file),
    (error) => new BadConfiguration({ issues: [unreadable(file, error)] })
  )
  const value = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: () => new BadConfiguration({ issues: [`${file} is not JSON${fault(text)}`] })
  })
  if (!Predicate.isObject(value)) {
    return yield* new BadConfiguration({ issues: [`${file} must hold an object, such as {"relay":{"url":"…"}}`] })
  }
  return value
})

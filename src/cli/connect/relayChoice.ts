/** The relay that `connect` is asked for, remembered in `holdfast.json`; nothing that is a secret is written there. */
import { Effect, FileSystem, Option, Predicate, Result, Schema } from "effect"
import { join, resolve } from "node:path"
import * as JsonEntry from "../../clients/jsonEntry.ts"
import { shown } from "../../config/BadConfiguration.ts"
import * as ConfigFile from "../../config/ConfigFile.ts"
import { RelaySettings } from "../../config/Settings.ts"
import { defaultAgent, defaultRelay } from "../../domain/Ids.ts"
import { CommandFailed, UsageError } from "../Failures.ts"
import type { Edit } from "./FileEdit.ts"

export interface Asked {
  readonly url: Option.Option<string>
  readonly embedded: boolean
  readonly name: string
  readonly tokenFile: Option.Option<string>
  /** Where agents connect. */
  readonly port: Option.Option<number>
}

/** Texts and values by their path in the file. */
type Members = ReadonlyArray<readonly [path: ReadonlyArray<string>, value: unknown]>

const membersOf = ({ embedded, name, port, tokenFile, url }: Asked): Members => {
  const at = name === defaultRelay ? [] : ["relays", name]
  const relay = name === defaultRelay ? ["relay"] : at
  const file = Option.map(tokenFile, (named) => resolve(named))
  return [
    ...Option.toArray(url).map((text) => [[...relay, "url"], text] as const),
    ...embedded ? [[["relay", "embedded"], true] as const] : [],
    ...Option.toArray(file).map((path) => [[...at, "token", "file"], path] as const),
    ...Option.toArray(port).map((number) => [["listen", "port"], number] as const)
  ]
}

const at = (tree: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, key) => Predicate.isObject(value) ? value[key] : undefined, tree)

const elsewhere = (present: string, file: string) =>
  new UsageError({
    message: `${file} names another relay already, ${present}; for this one in its place run "holdfast connect --undo" `
      + "first, or change the file; for both add --name NAME"
  })

/** Checked before it is written: with a file that is not valid no other command would run. */
const isUrl = Schema.is(RelaySettings.fields.url)

/** What has to be written; refused where the file names another relay in the same place. */
export const relayEdit = Effect.fnUntraced(function*(file: string, asked: Asked) {
  const fs = yield* FileSystem.FileSystem
  const present = (yield* Effect.orElseSucceed(fs.exists(file), () => false)) ? yield* ConfigFile.read(file) : {}
  const place = asked.name === defaultRelay ? ["relay"] : ["relays", asked.name]
  if (Option.isSome(asked.url) && !isUrl(asked.url.value)) {
    return yield* new UsageError({
      message:
        `${shown(["relay", "url"], asked.url.value) ?? "the URL"} is not valid; expected an absolute http or https `
        + "URL without user and password, such as https://mcp.example.com/mcp"
    })
  }
  const url = at(present, [...place, "url"])
  if (
    Predicate.isString(url) && (asked.embedded || !Option.contains(asked.url, url)) &&
    (asked.embedded || Option.isSome(asked.url))
  ) {
    return yield* elsewhere(url, file)
  }
  if (at(present, ["relay", "embedded"]) === true && Option.isSome(asked.url) && asked.name === defaultRelay) {
    return yield* elsewhere("the embedded one", file)
  }
  if (Option.isSome(asked.tokenFile)) {
    // Each agent may have one of its own; the default agent is the one that is registered.
    const tokenFile = asked.tokenFile.value.replaceAll("{agent}", defaultAgent)
    if (!(yield* fs.exists(tokenFile))) {
      return yield* new CommandFailed({ message: `there is no token file ${tokenFile}` })
    }
  }
  const members = membersOf(asked)
  const edit: Edit = {
    owner: "configuration",
    name: asked.name,
    file,
    put: (text) =>
      members.reduce<Result.Result<string, string>>(
        (result, [path, value]) => Result.flatMap(result, (text) => JsonEntry.put(text, path, value)),
        Result.succeed(text)
      ),
    remove: (text) => removeRelay(text, asked.name),
    holds: (text) => members.every(([path, value]) => JsonEntry.holdsAt(text, path, value))
  }
  return { edit, isNeeded: members.length > 0 }
})

/** What names the relay, where the file was changed since. */
export const removeRelay = (text: string, name: string): string =>
  name === defaultRelay
    ? [["relay", "url"], ["relay", "embedded"], ["token", "file"]].reduce(JsonEntry.removeAt, text)
    : JsonEntry.removeAt(text, ["relays", name])

export const bufferableEdit = (file: string, names: ReadonlyArray<string>): Edit => {
  const path = ["outbox", "bufferable"]
  return {
    owner: "configuration",
    name: "bufferable",
    file: join(file),
    put: (text) => JsonEntry.put(text, path, names),
    remove: (text) => JsonEntry.removeAt(text, path),
    holds: (text) => JsonEntry.holdsAt(text, path, names)
  }
}

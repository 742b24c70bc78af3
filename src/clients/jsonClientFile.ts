/** Claude Code's `.mcp.json`, Cursor's and VS Code's `mcp.json`, Gemini's settings: JSON, with or without comments. */
import { Option, Predicate } from "effect"
import { parse } from "jsonc-parser"
import { isDeepStrictEqual } from "node:util"
import { fault } from "../config/ConfigFile.ts"
import { secretVariable } from "./Injection.ts"
import { putAt } from "./jsonEntry.ts"
import { type ClientFile, type Headers, partsOf, type Remote, remote, type Syntax } from "./RemoteServers.ts"

const objectAt = (value: unknown, key: string): Readonly<Record<string, unknown>> | undefined => {
  const member: unknown = Predicate.isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return Predicate.isObject(member) ? member : undefined
}

/** VS Code calls them `servers`, all others `mcpServers`. */
const listKey = (text: string): "servers" | "mcpServers" => {
  const root: unknown = parse(text, [], { allowTrailingComma: true })
  return objectAt(root, "mcpServers") === undefined && objectAt(root, "servers") !== undefined
    ? "servers"
    : "mcpServers"
}

/** Some clients take the one, some the other, and all take the first of these that they know. */
const urlKeys = ["httpUrl", "url"] as const

const entriesIn = (root: unknown, list: string) =>
  Object.entries(objectAt(root, list) ?? {}).flatMap(([name, entry]) => {
    if (!Predicate.isObject(entry)) return []
    const key = urlKeys.find((key) => Object.hasOwn(entry, key) && Predicate.isString(entry[key]))
    return key === undefined ? [] : [{ name, entry, key }]
  })

const serverOf = (
  name: string,
  url: unknown,
  headers: Readonly<Record<string, unknown>>,
  syntax: Syntax
): Remote => {
  const read: Array<Headers[number]> = []
  for (const [header, value] of Object.entries(headers)) {
    const parts = Predicate.isString(value) ? partsOf(value, syntax) : Option.none()
    if (Option.isNone(parts)) {
      return { why: `its header ${JSON.stringify(header)} is more than text and environment variables` }
    }
    read.push([header, parts.value])
  }
  return remote(name, Option.getOrElse(partsOf(String(url), syntax), () => []), read)
}

const rootOf = (text: string): unknown => parse(text, [], { allowTrailingComma: true })

export const jsonClientFile = (syntax: Syntax): ClientFile => ({
  fault: (text) => fault(text, { allowTrailingComma: true }),
  servers: (text) =>
    entriesIn(rootOf(text), listKey(text)).map(({ entry, key, name }) => [
      name,
      Object.hasOwn(entry, "type") && entry["type"] === "sse"
        ? { why: "it speaks the old transport with two endpoints (sse)" }
        : serverOf(name, entry[key], objectAt(entry, "headers") ?? {}, syntax)
    ]),
  point: (text, urls) => {
    const list = listKey(text)
    const root = rootOf(text)
    const headers = { Authorization: `Bearer ${syntax.write(secretVariable)}` }
    const after = entriesIn(root, list).reduce((text, { entry, key, name }) => {
      const url = urls.get(name)
      if (url === undefined) return text
      const path = [list, name]
      const others = urlKeys.filter((other) => other !== key && Object.hasOwn(entry, other))
      for (const other of others) delete entry[other]
      Object.assign(entry, { [key]: url, headers })
      const without = others.reduce((text, other) => putAt(text, [...path, other], undefined), text)
      return putAt(putAt(without, [...path, key], url), [...path, "headers"], headers)
    }, text)
    // A key that is there twice counts once to a parser, and once, elsewhere, to an editor.
    return isDeepStrictEqual(rootOf(after), root) ? Option.some(after) : Option.none()
  }
})

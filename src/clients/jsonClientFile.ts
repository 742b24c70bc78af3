/** Claude Code's `.mcp.json`, Cursor's and VS Code's `mcp.json`, Gemini's settings: JSON, with or without comments. */
import { Option, Predicate } from "effect"
import { applyEdits, modify, parse } from "jsonc-parser"
import { fault } from "../config/ConfigFile.ts"
import { secretVariable } from "./Injection.ts"
import { type ClientFile, collected, type Headers, partsOf, remote, type Syntax } from "./RemoteServers.ts"

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

const urlKey = (entry: Readonly<Record<string, unknown>>): "url" | "httpUrl" | undefined => {
  if (Predicate.isString(entry["httpUrl"])) return "httpUrl"
  return Predicate.isString(entry["url"]) ? "url" : undefined
}

const entriesIn = (text: string) => {
  const root: unknown = parse(text, [], { allowTrailingComma: true })
  return Object.entries(objectAt(root, listKey(text)) ?? {}).flatMap(([name, entry]) => {
    const key = Predicate.isObject(entry) ? urlKey(entry) : undefined
    return Predicate.isObject(entry) && key !== undefined ? [{ name, entry, key }] : []
  })
}

const serverOf = (
  name: string,
  url: unknown,
  headers: Readonly<Record<string, unknown>>,
  syntax: Syntax
): ReturnType<typeof remote> => {
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

export const jsonClientFile = (syntax: Syntax): ClientFile => ({
  fault: (text) => fault(text, { allowTrailingComma: true }),
  find: (text) =>
    collected(
      entriesIn(text).map(({ entry, key, name }) => [
        name,
        entry["type"] === "sse"
          ? { why: "it speaks the old transport with two endpoints (sse)" }
          : serverOf(name, entry[key], objectAt(entry, "headers") ?? {}, syntax)
      ])
    ),
  point: (text, urls) =>
    entriesIn(text).reduce((text, { key, name }) => {
      const url = urls.get(name)
      if (url === undefined) return text
      const path = [listKey(text), name]
      const formattingOptions = {
        insertSpaces: !/^\t/m.test(text),
        tabSize: 2,
        eol: text.includes("\r\n") ? "\r\n" : "\n"
      }
      const pointed = applyEdits(text, modify(text, [...path, key], url, { formattingOptions }))
      const headers = { Authorization: `Bearer ${syntax.write(secretVariable)}` }
      return applyEdits(pointed, modify(pointed, [...path, "headers"], headers, { formattingOptions }))
    }, text)
})

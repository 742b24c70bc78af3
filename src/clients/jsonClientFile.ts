/** Claude Code's `.mcp.json`, Cursor's and VS Code's `mcp.json`, Gemini's settings: JSON, with or without comments. */
import { Predicate } from "effect"
import { applyEdits, modify, parse } from "jsonc-parser"
import { secretVariable } from "./Injection.ts"
import { type ClientFile, collected, remote } from "./RemoteServers.ts"

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

/** `variable`: how the client writes an environment variable. */
export const jsonClientFile = (variable: (name: string) => string): ClientFile => ({
  find: (text) =>
    collected(
      entriesIn(text).map(({ entry, key, name }) => [
        name,
        entry["type"] === "sse"
          ? { why: "it speaks the old transport with two endpoints (sse)" }
          : remote(name, String(entry[key]), objectAt(entry, "headers") ?? {})
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
      const headers = { Authorization: `Bearer ${variable(secretVariable)}` }
      return applyEdits(pointed, modify(pointed, [...path, "headers"], headers, { formattingOptions }))
    }, text)
})

/** One entry in a client's JSON file, with or without comments, put and removed as text; the rest stays as it is. */
import { Option, Predicate, Result } from "effect"
import { applyEdits, findNodeAtLocation, getNodeValue, modify, parse, type ParseError, parseTree } from "jsonc-parser"
import { fault } from "../config/ConfigFile.ts"
import { secretVariable } from "./Injection.ts"
import { type ClientFile, collected, type Headers, partsOf, remote, type Syntax } from "./RemoteServers.ts"

const lenient = { allowTrailingComma: true, disallowComments: false }

export const putAt = (text: string, path: ReadonlyArray<string>, value: unknown): string =>
  applyEdits(
    text,
    modify(text, [...path], value, {
      formattingOptions: {
        insertSpaces: !/^\t/m.test(text),
        tabSize: 2,
        eol: text.includes("\r\n") ? "\r\n" : "\n"
      }
    })
  )

/** `undefined` where there is none. */
const valueAt = (text: string, path: ReadonlyArray<string>): unknown => {
  const root = parseTree(text, [], lenient)
  const node = root === undefined ? undefined : findNodeAtLocation(root, [...path])
  return node === undefined ? undefined : getNodeValue(node)
}

export const holdsAt = (text: string, path: ReadonlyArray<string>, value: unknown): boolean =>
  JSON.stringify(valueAt(text, path)) === JSON.stringify(value)

/** Why the text cannot take an entry: it, or what is on the way to the entry, is no object. */
export const faultOf = (text: string, path: ReadonlyArray<string>): string | undefined => {
  const errors: Array<ParseError> = []
  parse(text, errors, lenient)
  if (errors.length > 0) return "it is not JSON"
  for (let depth = 0; depth < path.length; depth++) {
    const root = parseTree(text, [], lenient)
    const node = root === undefined ? undefined : findNodeAtLocation(root, path.slice(0, depth))
    if (node === undefined) return depth === 0 ? "it is not JSON" : undefined
    if (node.type !== "object") return `${depth === 0 ? "it" : path.slice(0, depth).join(".")} is not an object`
  }
  return undefined
}

/** In an empty file too. */
export const put = (text: string, path: ReadonlyArray<string>, value: unknown): Result.Result<string, string> => {
  const present = text.trim() === "" ? "{}\n" : text
  const fault = faultOf(present, path)
  return fault === undefined ? Result.succeed(putAt(present, path, value)) : Result.fail(fault)
}

/** The entry, and the list around it where nothing else is in that. */
export const removeAt = (text: string, path: ReadonlyArray<string>): string => {
  if (valueAt(text, path) === undefined) return text
  const without = putAt(text, path, undefined)
  const list = path.slice(0, -1)
  return list.length > 0 && holdsAt(without, list, {}) ? putAt(without, list, undefined) : without
}

// Claude Code's `.mcp.json`, Cursor's and VS Code's `mcp.json`, Gemini's settings: JSON, with or without comments.

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

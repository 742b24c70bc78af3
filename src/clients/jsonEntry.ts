/** One entry in a client's JSON file, with or without comments, put and removed as text; the rest stays as it is. */
import { Option, Predicate, Result } from "effect"
import { applyEdits, findNodeAtLocation, getNodeValue, modify, parse, type ParseError, parseTree } from "jsonc-parser"
import { isDeepStrictEqual } from "node:util"
import { fault } from "../config/ConfigFile.ts"
import { secretVariable } from "./Injection.ts"
import { type ClientFile, type Headers, partsOf, type Remote, remote, type Syntax } from "./RemoteServers.ts"

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

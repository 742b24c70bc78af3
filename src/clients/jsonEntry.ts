/** One entry in a client's JSON file, with or without comments, put and removed as text; the rest stays as it is. */
import { Result } from "effect"
import { applyEdits, findNodeAtLocation, getNodeValue, modify, parse, type ParseError, parseTree } from "jsonc-parser"

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

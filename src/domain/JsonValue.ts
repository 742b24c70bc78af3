/**
 * `JSON.parse` without a fault of the V8 in Node 24 (13.6): once a process has read `{"a\\":1}`, it reads the key of
 * `{"a\"":1}` as `a\` too, and so one peer decides what another's escaped keys mean. It takes as many characters of the
 * key's text as the key has, so a key that was read wrongly has a backslash.
 */
import { Predicate } from "effect"
import { isArray, isObject, items, root, type Span } from "./JsonScan.ts"

/** Nobody reads keys further inside: those of a message, of its `params`, of their `_meta`. */
const levels = 3

const isSuspect = (value: unknown, depth: number): boolean =>
  depth > 0 && Predicate.isObjectOrArray(value)
  && (Object.keys(value).some((key) => key.includes("\\"))
    || Object.values(value).some((member) => isSuspect(member, depth - 1)))

/** Each key is read alone, as a string, which V8 does right. */
const read = (text: string, span: Span, depth: number): unknown => {
  if (depth === 0 || !(isObject(text, span) || isArray(text, span))) return JSON.parse(text.slice(span.start, span.end))
  const values = items(text, span).map(({ end, keyEnd, start, value }) =>
    [text.slice(start, keyEnd), read(text, { start: value, end }, depth - 1)] as const
  )
  return isArray(text, span)
    ? values.map(([, value]) => value)
    : Object.fromEntries(values.map(([key, value]) => [JSON.parse(key), value]))
}

/** Throws where the text is no JSON. */
export const parse = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  return text.includes("\\") && isSuspect(value, levels) ? read(text, root(text), levels) : value
}

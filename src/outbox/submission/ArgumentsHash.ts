/**
 * A digest of a call's arguments that the order of members, spacing and escapes don't change.
 *
 * Numbers count as they are written: `12345678901234567890` and `…891` are two, though they parse alike.
 */
import { createHash } from "node:crypto"
import { isArray, isObject, items, root, type Span } from "../../domain/JsonScan.ts"

const canonical = (text: string, span: Span): string => {
  const each = items(text, span).map((item) => ({
    key: isObject(text, span) ? String(JSON.parse(text.slice(item.start, item.keyEnd))) : "",
    value: canonical(text, { start: item.value, end: item.end })
  }))
  if (isArray(text, span)) return `[${each.map(({ value }) => value).join(",")}]`
  if (isObject(text, span)) {
    // As in `JSON.parse`, the last of a duplicated key counts.
    const members = [...new Map(each.map(({ key, value }) => [key, value]))]
    members.sort(([one], [other]) => one < other ? -1 : 1)
    return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`
  }
  const scalar = text.slice(span.start, span.end)
  return scalar.startsWith("\"") ? JSON.stringify(JSON.parse(scalar)) : scalar
}

/** Hexadecimal SHA-256 of a text that `JSON.parse` accepts. */
export const argumentsHash = (text: string): string =>
  createHash("sha256").update(canonical(text, root(text))).digest("hex")

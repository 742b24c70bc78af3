/**
 * One text for all JSON texts that mean the same: members in the order of their keys, no space between, each string
 * written in one way.
 *
 * What some parser could tell apart stays apart: numbers are as they were written, and of a duplicated key all members
 * stay, in their order. What is nested deeper than 200, and an object of more than 1,000 keys, keep their order of keys.
 *
 * It is meant for texts that `JSON.parse` accepts. On any other text the answer means nothing, but it comes.
 */
import { skipScalar, skipSpace, skipString } from "./JsonScan.ts"

/** What is nested deeper stays as it was written. */
const maxDepth = 200

const openObject = "{"
const ends: Readonly<Record<string, string>> = { [openObject]: "}", "[": "]" }

/** Strings without escapes have one way to be written already. */
const plainString = (raw: string): string => {
  if (!raw.includes("\\")) return raw
  try {
    return JSON.stringify(JSON.parse(raw))
  } catch {
    return raw
  }
}

/** What has more members stays in its order: to sort tens of thousands of long keys would hold others up. */
const maxSorted = 1000

const inOrder = (members: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<string> => {
  const keys = members.size > maxSorted ? [...members.keys()] : [...members.keys()].sort()
  return keys.flatMap((key) => (members.get(key) ?? []).map((value) => `${key}:${value}`))
}

export const canonical = (text: string): string => {
  let at = 0
  let tooDeep = false

  const upTo = (end: number): string => {
    const raw = text.slice(at, end)
    at = end
    return raw
  }

  const value = (depth: number): string => {
    at = skipSpace(text, at)
    const first = text.charAt(at)
    if (first === "\"") return plainString(upTo(skipString(text, at)))
    const end = ends[first]
    if (end === undefined) return upTo(skipScalar(text, at))
    if (depth === maxDepth) {
      tooDeep = true
      return upTo(text.length)
    }
    const keyed = first === openObject
    const elements: Array<string> = []
    const members = new Map<string, Array<string>>()
    at = skipSpace(text, at + 1)
    while (at < text.length && text.charAt(at) !== end) {
      const from = at
      const key = keyed ? plainString(upTo(skipString(text, at))) : ""
      if (keyed) at = skipSpace(text, at) + 1
      const inner = value(depth + 1)
      const known = members.get(key)
      if (!keyed) elements.push(inner)
      else if (known === undefined) members.set(key, [inner])
      else known.push(inner)
      at = skipSpace(text, at)
      if (text.charAt(at) === ",") at = skipSpace(text, at + 1)
      if (at === from) break
    }
    at += 1
    return `${first}${(keyed ? inOrder(members) : elements).join(",")}${end}`
  }

  const written = value(0)
  return tooDeep ? text : written
}

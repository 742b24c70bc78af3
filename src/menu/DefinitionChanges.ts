/** What differs between two definitions of a tool, value by value, for a person to read. */
import { measure } from "../domain/JsonScan.ts"

/** `null`: there is none on that side. Texts are as the relay means them, other values in JSON. */
export interface Change {
  /** Such as `inputSchema.properties.to.description`. */
  readonly path: string
  readonly approved: string | null
  readonly offered: string | null
}

/** What is nested deeper is one value. */
const maxDepth = 30

const step = (key: string): string => /^[\w$-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`

const leaf = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value)

const isEmpty = (value: object): boolean => Object.keys(value).length === 0

/** A definition of more values is one text: nobody reads them one by one. */
const maxValues = 2_000

const collect = (value: unknown, path: string, depth: number, into: Map<string, string>): void => {
  if (typeof value !== "object" || value === null || isEmpty(value) || depth === maxDepth) {
    into.set(path, leaf(value))
    return
  }
  for (const [key, inner] of Object.entries(value)) {
    collect(inner, path + (Array.isArray(value) ? `[${key}]` : step(key)), depth + 1, into)
  }
}

const valuesOf = (definition: string | undefined): ReadonlyMap<string, string> => {
  const values = new Map<string, string>()
  if (definition === undefined) return values
  if (measure(definition, maxValues).dense) return values.set("", definition)
  try {
    const parsed: unknown = JSON.parse(definition)
    collect(parsed, "", 0, values)
  } catch {
    values.set("", definition)
  }
  return values
}

/**
 * In the order of the definition that is offered, then what it lacks. Where they differ in what no value shows (digits of a
 * number beyond its precision, a duplicated key), the texts themselves.
 */
export const changes = (approved: string | undefined, offered: string): ReadonlyArray<Change> => {
  const before = valuesOf(approved)
  const after = valuesOf(offered)
  const found = [...new Set([...after.keys(), ...before.keys()])].flatMap((path): ReadonlyArray<Change> => {
    const change = {
      path: path.replace(/^\./, ""),
      approved: before.get(path) ?? null,
      offered: after.get(path) ?? null
    }
    return change.approved === change.offered ? [] : [change]
  })
  return found.length > 0 ? found : [{ path: "", approved: approved ?? null, offered }]
}

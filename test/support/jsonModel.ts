/** What `JSON.parse` and plain objects make of what `JsonText` does by offsets. */
import type { Path } from "../../src/domain/JsonText.ts"

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The value at a path, if there is one. */
export const get = (value: unknown, path: Path): { readonly found: unknown } | undefined => {
  const [head, ...rest] = path
  if (head === undefined) return { found: value }
  if (typeof head === "number") {
    return Array.isArray(value) && head < value.length ? get(value[head], rest) : undefined
  }
  return isObject(value) && Object.hasOwn(value, head) ? get(value[head], rest) : undefined
}

/** The model's `set`. */
export const put = (value: unknown, path: Path, put_: unknown): unknown => {
  const [head, ...rest] = path
  if (head === undefined) return put_
  if (typeof head === "number") {
    return Array.isArray(value) && head < value.length ? value.with(head, put(value[head], rest, put_)) : value
  }
  if (value === null && !rest.some((segment) => typeof segment === "number")) return put({}, path, put_)
  if (!isObject(value)) return value
  const known = Object.hasOwn(value, head)
  if (!known && rest.some((segment) => typeof segment === "number")) return value
  return { ...value, [head]: put(known ? value[head] : null, rest, put_) }
}

/** The model's `remove`. */
export const drop = (value: unknown, path: Path): unknown => {
  const [head, ...rest] = path
  if (head === undefined || get(value, path) === undefined) return value
  if (Array.isArray(value) && typeof head === "number") {
    return rest.length === 0 ? value.filter((_, index) => index !== head) : value.with(head, drop(value[head], rest))
  }
  if (!isObject(value)) return value
  const { [head]: gone, ...others } = value
  return rest.length === 0 ? others : { ...value, [head]: drop(gone, rest) }
}
